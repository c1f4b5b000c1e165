/** Names of files as senders give them: anything at all. */

const LONGEST = 200;

/**
 * A name that stands for a file of the folder it is put into, and for nothing else: without the way to another folder, without
 * characters that terminals obey or file systems refuse, and not hidden.
 */
export function safeFileName(name: string): string {
  const last = name.split(/[\\/]/).at(-1) ?? "";
  const plain = last
    .replaceAll(/[\p{C}<>:"|?*]/gu, "_")
    .replace(/^[.\s]+/, "")
    .replace(/[.\s]+$/, "");
  return [...plain].slice(0, LONGEST).join("") || "file";
}
