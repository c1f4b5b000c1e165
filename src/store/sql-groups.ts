/** Logs of groups in SQL. */
import { equalBytes } from "../protocol/bytes.js";
import type { ConversationId } from "../protocol/ids.js";
import type { Database } from "./database.js";
import type { GroupStore } from "./groups.js";
import { howManyFit } from "./how-many-fit.js";

/** @param db migrated by `serviceMigrations` */
export function sqlGroups(db: Database): GroupStore {
  return {
    async append({ group, number, hash, bytes }) {
      const id = bytesOf(group);
      const { rowCount } = await db.query({
        name: "group-append",
        text: `INSERT INTO group_events (group_id, number, hash, content) VALUES ($1, $2, $3, $4)
               ON CONFLICT DO NOTHING`,
        values: [id, number, hash, bytes],
        does: "store",
      });
      if (rowCount > 0) return true;
      const { rows } = await db.query<{ hash: Uint8Array }>({
        text: "SELECT hash FROM group_events WHERE group_id = $1 AND number = $2",
        values: [id, number],
      });
      return rows[0] !== undefined && equalBytes(rows[0].hash, hash);
    },

    async events(group, after, limit, maxBytes) {
      const { rows } = await db.query<{ content: Uint8Array }>({
        text: `SELECT content FROM group_events WHERE group_id = $1 AND number > $2 ORDER BY number LIMIT $3`,
        // One more than wanted tells whether there are more.
        values: [bytesOf(group), after, limit + 1],
      });
      const fitting = rows.slice(
        0,
        howManyFit(
          rows.map(({ content }) => content.length),
          limit,
          maxBytes,
        ),
      );
      return { events: fitting.map(({ content }) => content), more: fitting.length < rows.length };
    },
  };
}

function bytesOf(group: ConversationId): Buffer {
  return Buffer.from(group, "hex");
}
