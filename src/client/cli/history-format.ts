/** What an exported history says of itself: `{"format", "version", "name", "account", "messages": […]}`. */
export const HISTORY_FORMAT = "fastchat history";
/** 2 has accounts beside names, so that a history can be imported. */
export const HISTORY_VERSION = 2;
