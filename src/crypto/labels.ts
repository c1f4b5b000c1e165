/**
 * The label of every derived key, hash, tag and signature: what is made for one purpose fits no other. A label is
 * followed by one zero byte, which none contains. Changing one changes the format it stands for.
 */
export const LABELS = {
  accountId: "fastchat account id v1",
  directConversation: "fastchat direct conversation v1",
  safetyNumber: "fastchat safety number v1",

  cardSignature: "fastchat card v1",
  envelopeSignature: "fastchat envelope v1",
  groupEventSignature: "fastchat group event v1",
  groupEventHash: "fastchat group event hash v1",
  groupInviteSignature: "fastchat group invite v1",
  groupInviteSecret: "fastchat group invite secret v1",
  groupInviteProof: "fastchat group join v1",
  envelopeKeyCommitment: "fastchat envelope key commitment v1",

  sealedRecordKeys: "fastchat sealed record keys v1",
  sealedRecord: "fastchat sealed record v1",
  vaultPasswordKey: "fastchat vault password key v1",
  exportPasswordKey: "fastchat export password key v1",
  backupPasswordKey: "fastchat backup password key v1",

  chatTag: "fastchat archive chat v1",
  pinChatTag: "fastchat archive pins v1",
  entryTag: "fastchat archive entry v1",
  invalidEntryTag: "fastchat archive invalid entry v1",
  unjudgedEntryTag: "fastchat archive unjudged entry v1",
  pinEntryTag: "fastchat archive pin v1",
  importedEntryTag: "fastchat archive imported entry v1",
  deletionChatTag: "fastchat archive deletions v1",
  deletionEntryTag: "fastchat archive deletion v1",
  groupsChatTag: "fastchat archive groups v1",
  groupEventEntryTag: "fastchat archive group event v1",
  groupNoticeEntryTag: "fastchat archive group notice v1",
  groupTitleEntryTag: "fastchat archive group title v1",
  receiptsChatTag: "fastchat archive receipts v1",
  receiptsEntryTag: "fastchat archive receipts entry v1",
  archiveChain: "fastchat archive chain v1",
} as const;

export type Label = (typeof LABELS)[keyof typeof LABELS];

/** What a sealed record is for; part of what it is bound to. */
export type SealPurpose =
  | "vault"
  | "vault-key"
  | "archive-entry"
  | "archive-chat"
  | "archive-checkpoint"
  | "service-checkpoint"
  | "device"
  | "export"
  | "backup"
  | "file";
