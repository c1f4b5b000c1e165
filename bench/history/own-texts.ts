/** Which messages are people's own: what a group is called their clients tell, and no history is held to that. */
export function isPeoples(text: string): boolean {
  return !text.startsWith("(the group is called");
}
