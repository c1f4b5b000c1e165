/** The first words of operators' commands: what begins with none of them is taken for the start of a system. */
export const OPERATOR_COMMANDS: ReadonlySet<string> = new Set([
  "status",
  "scale",
  "drain",
  "resume",
  "users",
  "suspend",
  "invite",
  "backup",
  "restore",
  "rebalance",
]);
