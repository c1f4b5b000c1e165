// Reporter for tap: a line for each test file, every failure in full, and last the line `N passed, N failed`, counted
// from the assertions themselves. A Transform and not a Writable, as tap waits for a reporter's end.
import { Transform } from "node:stream";
import { Parser } from "tap-parser";

export default class SummaryReporter extends Transform {
  #parser = new Parser();
  #counts = { passed: 0, failed: 0, skipped: 0 };
  /** Files of which a failed assertion was shown. */
  #shown = new Set();

  constructor() {
    super();
    this.#parser.on("child", (file) => this.#fileOnParser(file));
    this.#parser.on("assert", (result) => {
      // A file closes with an assertion of its own; one that failed without a failed assertion inside has crashed.
      if (result.ok || this.#shown.has(result.name)) return;
      this.#counts.failed++;
      this.#describe(result, []);
    });
    this.#parser.on("bailout", (reason) => {
      this.#counts.failed++;
      this.push(`Bail out! ${reason}\n`);
    });
  }

  _transform(chunk, _encoding, done) {
    this.#parser.write(chunk);
    done();
  }

  _flush(done) {
    this.#parser.end(undefined, undefined, () => {
      const { passed, failed, skipped } = this.#counts;
      this.push(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
      done();
    });
  }

  #fileOnParser(file) {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    this.#watch(file, [file.name], counts);
    file.on("complete", (results) => {
      this.#counts.passed += counts.passed;
      this.#counts.failed += counts.failed;
      this.#counts.skipped += counts.skipped;
      if (counts.failed > 0) this.#shown.add(file.name);
      const mark = results.ok ? "ok" : "NOT OK";
      const time = results.time === null ? "" : ` (${Math.round(results.time)} ms)`;
      this.push(`${mark.padEnd(6)} ${file.name}: ${counts.passed + counts.failed}${time}\n`);
    });
  }

  /** Counts the assertions of a test and of its subtests; what closes a subtest is not one. */
  #watch(test, path, counts) {
    const subtests = new Map();
    test.on("child", (child) => {
      const inner = { passed: 0, failed: 0, skipped: 0 };
      subtests.set(child.name, inner);
      this.#watch(child, [...path, child.name], inner);
    });
    test.on("assert", (result) => {
      const inner = subtests.get(result.name);
      if (inner !== undefined) {
        subtests.delete(result.name);
        counts.passed += inner.passed;
        counts.failed += inner.failed;
        counts.skipped += inner.skipped;
        if (result.ok || inner.failed > 0) return;
      }
      if (result.skip) {
        counts.skipped++;
        this.push(
          `skip   ${path.join(" > ")} > ${result.name}: ${result.skip === true ? "" : result.skip}\n`,
        );
      } else if (result.ok || result.todo) counts.passed++;
      else {
        counts.failed++;
        this.#describe(result, path);
      }
    });
  }

  #describe(result, path) {
    this.push(`\nfailed: ${[...path, result.name].join(" > ")}\n`);
    if (result.diag) this.push(`${JSON.stringify(result.diag, null, 2).replaceAll(/^/gm, "    ")}\n\n`);
  }
}
