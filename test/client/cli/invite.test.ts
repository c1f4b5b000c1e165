import t from "tap";
import { inviteToRegister } from "../../../src/client/cli/invite.js";
import { noTerminal, terminal } from "./terminal.js";

const CODE = "0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV";
const invite = { registration: "invite" } as const;

t.test("an open service wants no invite, whatever was given", async (t) => {
  t.equal(await inviteToRegister({ registration: "open" }, undefined, noTerminal()), undefined);
  t.equal(await inviteToRegister({ registration: "open" }, "anything", noTerminal()), undefined);
});

t.test("a closed one is told before anything is asked", async (t) => {
  const { source, shown } = terminal(CODE);
  await t.rejects(inviteToRegister({ registration: "closed" }, CODE, source), { code: "registrationClosed" });
  t.equal(shown(), "");
});

t.test("the code that was given is taken, and what is none is told at once", async (t) => {
  const { source, shown } = terminal();
  t.equal(await inviteToRegister(invite, CODE.toLowerCase(), source), CODE);
  await t.rejects(inviteToRegister(invite, "nonsense", source), { code: "badInvite", message: /28 letters/ });
  t.equal(shown(), "");
});

t.test("where none was given it is asked for, and may be seen", async (t) => {
  const { source, shown } = terminal(CODE.replaceAll("-", " "));
  t.equal(await inviteToRegister(invite, undefined, source), CODE);
  t.match(shown(), /Code of your invite:.*0123 4567/s);
});

t.test("where nobody can be asked, the message says what to set", async (t) => {
  await t.rejects(inviteToRegister(invite, undefined, noTerminal()), {
    code: "registrationClosed",
    message: /--invite.*FASTCHAT_INVITE/,
  });
});
