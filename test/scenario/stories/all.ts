/** All stories. */
import "./committing.js";
import "./delivering.js";
import "./clients.js";
import "./moving.js";
import "./roaming.js";
import "./sabotage.js";
