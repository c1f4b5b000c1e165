/** Addresses carry passwords, and errors carry addresses. */

/** A text with the user and password of the addresses in it blotted out. */
export function withoutCredentials(text: string): string {
  return text
    .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/]+@/gi, "$1[redacted]@")
    .replaceAll(/([?&](?:password|sslpassword)=)[^&\s]+/gi, "$1[redacted]");
}
