/** Reads the text format of Prometheus, line by line, as its specification has it. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)/gy;

/** @throws Error with the line that is none */
export function readExposition(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const families = new Map<string, Family>();
  let help: RegExpExecArray | null = null;
  let current: Family | null = null;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    if (line.startsWith("# HELP ")) {
      help = /^# HELP (\S+) (.+)$/.exec(line);
      if (help === null) throw new Error(line);
    } else if (line.startsWith("# TYPE ")) {
      const [, name = "", type = ""] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
      if (name === "" || help?.[1] !== name || families.has(name)) throw new Error(line);
      current = { name, type, help: help[2] ?? "", samples: [] };
      families.set(name, current);
    } else {
      const sample = readSample(line);
      const suffix = current?.type === "histogram" ? /^(_bucket|_sum|_count)$/ : /^$/;
      if (current === null || !sample.name.startsWith(current.name)) throw new Error(line);
      if (!suffix.test(sample.name.slice(current.name.length))) throw new Error(line);
      current.samples.push(sample);
    }
  }
  return families;
}

function readSample(line: string): Sample {
  const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
  const number = value === "+Inf" ? Infinity : Number(value);
  if (name === undefined || Number.isNaN(number)) throw new Error(line);
  const read: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < labels.length) {
    const label = LABEL.exec(labels);
    if (label === null) throw new Error(line);
    read[label[1] as string] = label[2] as string;
  }
  return { name, labels: read, value: number };
}
