import { readFileSync } from 'node:fs';
import {
  type Configuration,
  ConfigurationFailure,
  formatRemark,
  loadConfiguration,
  loadSettings,
} from '../config/index.ts';
import { DEFAULT_CONTROL, ViciServer } from '../control/index.ts';
import { withOpenssl } from '../crypto/node/openssl.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import type { EngineSettings } from '../ike/output.ts';
import { parseIp } from '../lib/ip.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { Failed } from '../policy/failure.ts';
import { type BackendName, openPlane, type Plane } from './back-ends.ts';
import { pathOf } from './choose-path.ts';
import { now } from './clock.ts';
import { EVENTS, publish } from './commands/events.ts';
import { commandTable } from './commands/table.ts';
import { failureOf } from './failure-of.ts';
import { Gateway } from './gateway.ts';
import { History } from './history.ts';
import { type Logger, logEvent, openLog } from './log.ts';
import { keySaver } from './save-keys.ts';
import type { DaemonFacts } from './status-view.ts';

/** The options of `cygnet daemon`. */
export interface DaemonOptions {
  readonly config: string;
  readonly control?: string;
  readonly listen: readonly string[];
  readonly port: number;
  readonly natPort: number;
  readonly backend: BackendName;
  readonly saveKeys?: string;
  readonly settings?: string;
  readonly logLevel: string;
}

/** How long peers may take to answer our farewell. */
const FAREWELL = 2000;

/**
 * Runs the daemon until it is told to end (TERM, INT), and answers the exit code. What keeps it from starting is
 * thrown as `Failed` or `ConfigurationFailure`, with nothing left open. HUP reads the configuration again.
 */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const startedAt = now();
  const log = openLog(options.logLevel);
  const provider = withOpenssl(nodeProvider());
  const configuration = read(options, provider, log);
  const settings: Partial<EngineSettings> = {
    ...(options.settings === undefined ? {} : loadSettings(options.settings).engine),
    ...(options.saveKeys === undefined ? {} : { saveKeys: true }),
    traceMessages: true,
  };
  const closing: (() => Promise<void>)[] = [];
  try {
    const plane = await openPlane(options.backend, {
      addresses: options.listen.map(address),
      port: options.port,
      natPort: options.natPort,
      provider,
      onFatal: failure => log.fatal({ failure }, failure.summary),
    });
    closing.push(() => plane.close());
    const gateway = new Gateway({
      ...plane,
      provider,
      connections: configuration.connections,
      credentials: configuration.credentials,
      settings,
      resolve: connection => pathOf(connection, plane.transport),
    });
    closing.push(() => gateway.close(FAREWELL));
    const history = new History();
    gateway.on(event => history.note(event));
    gateway.on(event => logEvent(log, event));
    if (options.saveKeys !== undefined) {
      gateway.on(keySaver(options.saveKeys));
      log.warn(
        { directory: options.saveKeys },
        'KEYS OF ALL SAs ARE WRITTEN TO DISK: whoever reads them reads the traffic',
      );
    }
    const server = await ViciServer.listen(options.control ?? DEFAULT_CONTROL, {
      commands: commandTable({
        gateway,
        history,
        facts: facts(options, plane, startedAt),
        subjectOf: der => parseCertificate(der, provider).subject.text,
      }),
      events: EVENTS,
      onDefect: (command, error) =>
        log.error({ command, err: error }, `the command ${command} failed by a defect`),
    });
    closing.push(() => server.close());
    gateway.on(event => publish(server, event));
    log.info(
      {
        control: server.address,
        backend: options.backend,
        connections: configuration.connections.length,
        milliseconds: Math.round(now() - startedAt),
      },
      'ready',
    );
    startConnections(gateway, configuration, log);
    await untilTold(() => reload(gateway, options, provider, log));
    log.info('ending: SAs are deleted and peers told');
    return 0;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

function read(options: DaemonOptions, provider: ReturnType<typeof nodeProvider>, log: Logger): Configuration {
  const configuration = loadConfiguration(options.config, { provider, now: now() });
  for (const warning of configuration.warnings) log.warn(formatRemark(warning));
  return configuration;
}

/** Takes a changed configuration over; what is wrong with it is logged, and what ran before runs on. */
function reload(
  gateway: Gateway,
  options: DaemonOptions,
  provider: ReturnType<typeof nodeProvider>,
  log: Logger,
): void {
  try {
    const { connections, credentials } = read(options, provider, log);
    gateway.configure(connections, credentials);
    log.info({ connections: connections.length }, 'the configuration was read again');
  } catch (error) {
    if (error instanceof ConfigurationFailure)
      for (const failure of error.failures) log.error({ failure }, formatRemark(failure));
    else log.error({ failure: failureOf(error) }, 'the configuration could not be read again');
  }
}

/** `start_action = start`. */
function startConnections(gateway: Gateway, { connections }: Configuration, log: Logger): void {
  for (const connection of connections) {
    for (const child of connection.children) {
      if (child.startAction !== 'start' && child.startAction !== 'trap|start') continue;
      // What it comes to is an event, and so in the log already.
      gateway
        .up(connection.name, child.name)
        .catch((error: unknown) =>
          log.debug({ failure: failureOf(error) }, `${connection.name}/${child.name} did not come up`),
        );
    }
  }
}

function untilTold(onHangup: () => void): Promise<void> {
  return new Promise(resolve => {
    const end = (): void => {
      process.off('SIGTERM', end);
      process.off('SIGINT', end);
      process.off('SIGHUP', onHangup);
      resolve();
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
    process.on('SIGHUP', onHangup);
  });
}

function address(text: string): Uint8Array {
  const parsed = parseIp(text);
  if (parsed === undefined) {
    throw new Failed({
      code: 'config/invalid-value',
      summary: `"${text}" is no IP address to listen on`,
      remedy: 'give an address such as 192.0.2.1 or 2001:db8::1 with --listen',
    });
  }
  return parsed;
}

function facts(options: DaemonOptions, plane: Plane, startedAt: number): DaemonFacts {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return { version, startedAt, backend: options.backend, listening: plane.transport.listening };
}
