/** What must be true of several settings together. */
import type { Config } from "./config-schema.js";
import { FastChatError } from "./protocol/errors.js";

/**
 * @param sourceOf where the first of these settings that was overridden comes from, else the file
 * @throws FastChatError `badConfig`
 */
export function checkTogether(config: Config, sourceOf: (...keys: string[]) => string): void {
  const { host, port, archivePort, serverPorts, servers, certificate, limits, timeouts } = config;
  const refuse = (keys: readonly string[], message: string) => {
    throw new FastChatError("badConfig", `${sourceOf(...keys)}: ${message}`);
  };
  if (serverPorts !== null && serverPorts.length !== servers) {
    refuse(
      ["servers", "serverPorts"],
      `serverPorts names ${serverPorts.length} ports for ${servers} servers; name one for each, or null.`,
    );
  }
  if (port !== 0 && port + 1 + servers > 65535 && (archivePort === null || serverPorts === null)) {
    refuse(
      ["port", "servers"],
      `port ${port} leaves no room for the ports of the archive and ${servers} servers after it; it must be at most ${65535 - 1 - servers}.`,
    );
  }
  const { balancer, archive, servers: chat } = portsOf(config);
  const ports = [balancer, archive, ...chat].filter((one) => one !== 0);
  const twice = ports.find((one, index) => ports.indexOf(one) !== index);
  if (twice !== undefined) {
    refuse(
      ["serverPorts", "archivePort", "port"],
      `port ${twice} is given to two listeners; balancer, archive and each server need one of their own.`,
    );
  }
  if ((host === "0.0.0.0" || host === "::") && config.publicHost === null) {
    refuse(
      ["host"],
      `host is "${host}", every interface of the machine; publicHost (--public-host) must name the one that clients are told.`,
    );
  }
  if ((certificate.certFile === null) !== (certificate.keyFile === null)) {
    refuse(
      ["certificate.certFile", "certificate.keyFile"],
      "certificate needs both certFile and keyFile, or neither.",
    );
  }
  const databases = ["database", "archiveDatabase"];
  if ((config.database === null) !== (config.archiveDatabase === null)) {
    const [given, missing] = config.database === null ? [...databases].reverse() : databases;
    const flag = missing === "database" ? "--database" : "--archive-database";
    refuse(
      databases,
      `${given} is given without ${missing}; name a second PostgreSQL database with ${flag}, since what the service and the archives store must not meet in one, or leave out both.`,
    );
  }
  if (config.database !== null && config.database === config.archiveDatabase) {
    refuse(
      databases,
      "database and archiveDatabase are the same; the archives need a database of their own.",
    );
  }
  if (limits.sendWindowBytes < limits.maxFrameBytes) {
    refuse(
      ["limits.sendWindowBytes", "limits.maxFrameBytes"],
      `limits.sendWindowBytes is ${limits.sendWindowBytes}; it must be at least limits.maxFrameBytes (${limits.maxFrameBytes}).`,
    );
  }
  if (limits.unsettledBytes < limits.sendWindowBytes) {
    refuse(
      ["limits.unsettledBytes", "limits.sendWindowBytes"],
      `limits.unsettledBytes is ${limits.unsettledBytes}; it must be at least limits.sendWindowBytes (${limits.sendWindowBytes}).`,
    );
  }
  if (timeouts.restartMinMs > timeouts.restartMaxMs) {
    refuse(
      ["timeouts.restartMinMs", "timeouts.restartMaxMs"],
      `timeouts.restartMinMs is ${timeouts.restartMinMs}; it must be at most timeouts.restartMaxMs (${timeouts.restartMaxMs}).`,
    );
  }
  if (timeouts.ticketMs < timeouts.moveMs) {
    refuse(
      ["timeouts.ticketMs", "timeouts.moveMs"],
      `timeouts.ticketMs is ${timeouts.ticketMs}; it must be at least timeouts.moveMs (${timeouts.moveMs}).`,
    );
  }
  if (timeouts.statementMs < timeouts.hungMs) {
    refuse(
      ["timeouts.statementMs", "timeouts.hungMs"],
      `timeouts.statementMs is ${timeouts.statementMs}; it must be at least timeouts.hungMs (${timeouts.hungMs}).`,
    );
  }
  if (timeouts.hungMs < 2 * timeouts.heartbeatMs) {
    refuse(
      ["timeouts.hungMs", "timeouts.heartbeatMs"],
      `timeouts.hungMs is ${timeouts.hungMs}; it must be at least twice timeouts.heartbeatMs (${timeouts.heartbeatMs}).`,
    );
  }
}

/** The ports to listen on; 0 stands for any free one. */
export interface Ports {
  readonly balancer: number;
  readonly archive: number;
  /** One for each chat server, in the order of their numbers. */
  readonly servers: readonly number[];
}

/** The balancer has `port`; archive and chat servers follow it unless they are named, or are any free ones as it is. */
export function portsOf(config: Pick<Config, "port" | "archivePort" | "serverPorts" | "servers">): Ports {
  const { port, archivePort, serverPorts, servers } = config;
  const after = (distance: number) => (port === 0 ? 0 : port + distance);
  return {
    balancer: port,
    archive: archivePort ?? after(1),
    servers: serverPorts ?? Array.from({ length: servers }, (_, index) => after(2 + index)),
  };
}

/**
 * Where chat servers listen that are added while the system runs: a server's port less its number; 0 where they are to
 * have any free ones, as with ports that were named one by one.
 */
export function addedPortBase({ port, serverPorts }: Pick<Config, "port" | "serverPorts">): number {
  return port === 0 || serverPorts !== null ? 0 : port + 1;
}
