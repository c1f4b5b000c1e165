/** All stories. How long they take of real time says nothing about them. */
import t from "tap";
import "./committing.js";
import "./delivering.js";
import "./clients.js";
import "./moving.js";
import "./roaming.js";
import "./sabotage.js";

t.setTimeout(0);
