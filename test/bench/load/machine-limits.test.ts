/** What the machine must let a run have is looked at before, and how to raise it is said. */
import t from "tap";
import {
  checkLimits,
  checkMachine,
  hardLimitOfFiles,
  portsInRange,
} from "../../../bench/load/machine-limits.js";

t.test("too few open files or local ports are told with the command that raises them", async (t) => {
  const enough = { openFiles: 3_200, localPorts: 3_200 };
  checkLimits(1_000, enough);
  t.throws(() => checkLimits(1_001, enough), {
    code: "badConfig",
    message: /3203 open files.*ulimit -n 3203/,
  });
  t.throws(() => checkLimits(1_000, { ...enough, localPorts: 3_199 }), {
    code: "badConfig",
    message: /3200 local ports.*gives out 3199.*ip_local_port_range/,
  });
});

t.test("a system that does not tell its limits is no obstacle", async (t) => {
  checkLimits(100_000, { openFiles: null, localPorts: null });
  checkLimits(100_000, { openFiles: Infinity, localPorts: null });
  await checkMachine(2);
  t.pass("nothing is refused");
});

t.test("limits as Linux writes them", async (t) => {
  const limits = [
    "Limit                     Soft Limit           Hard Limit           Units",
    "Max processes             31541                31541                processes",
    "Max open files            1024                 524288               files",
  ].join("\n");
  t.equal(hardLimitOfFiles(limits), 524_288);
  t.equal(hardLimitOfFiles(limits.replace("524288   ", "unlimited")), Infinity);
  t.equal(hardLimitOfFiles(""), null);
  t.equal(portsInRange("32768\t60999\n"), 28_232);
  t.equal(portsInRange(""), null);
});
