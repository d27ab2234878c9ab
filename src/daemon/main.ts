import { readFileSync } from 'node:fs';
import { ConfigurationFailure, formatRemark, loadConfiguration, type Settings } from '../config/index.ts';
import { DEFAULT_CONTROL } from '../control/index.ts';
import { withOpenssl } from '../crypto/node/openssl.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { parseIp } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import { systemCalls } from '../sys/system-calls.ts';
import type { BackendName } from './back-ends.ts';
import { now } from './clock.ts';
import { openControl } from './control-socket.ts';
import { Counters } from './counters.ts';
import { CrlFiles, crlFolder } from './crl-files.ts';
import { failureOf } from './failure-of.ts';
import { History } from './history.ts';
import { gatewayOn, type HostPlane, openHostPlane } from './host-gateway.ts';
import { Inactivity } from './inactivity.ts';
import { become, idsOf } from './lesser-user.ts';
import { type Base, LiveConfiguration, NO_BASE } from './live-configuration.ts';
import { type Logger, openLog } from './log.ts';
import { Logs } from './logs.ts';
import { ManualSas } from './manual-sas.ts';
import { Metrics } from './metrics.ts';
import { MetricsEndpoint } from './metrics-endpoint.ts';
import { NameServers } from './name-servers.ts';
import { KeySaving } from './save-keys.ts';
import { handedOver, SERVICE_VARIABLES, ServiceManager } from './service-manager.ts';
import { readSettings, reloadSettings } from './settings-in-force.ts';
import { StandingPolicies } from './standing-policies.ts';
import { StartActions } from './start-actions.ts';
import { runScripts } from './start-scripts.ts';
import type { DaemonFacts } from './status-view.ts';
import { type TakeOverSubjects, takeOver } from './take-over.ts';
import { unheededTeller } from './unheeded.ts';
import { UpdownPrograms } from './updown.ts';

/** The options of `cygnet daemon`. What is not given is taken from `settings`, or has its default. */
export interface DaemonOptions {
  /** Without it there are no connections until a client loads them. */
  readonly config?: string;
  readonly control?: string;
  readonly listen: readonly string[];
  readonly port?: number;
  readonly natPort?: number;
  /** `auto`: what the settings ask for, or the kernel's own where it has IPsec. */
  readonly backend: BackendName | 'auto';
  readonly saveKeys?: string;
  readonly settings?: string;
  readonly metrics?: string;
  readonly logLevel?: string;
  /** `charon`: what happens to SAs goes to standard output in charon's form instead of as JSON. */
  readonly logFormat?: 'json' | 'charon';
  /** Whom to become once everything is open. */
  readonly user?: string;
  readonly group?: string;
}

/** How long peers may take to answer our farewell. */
const FAREWELL = 2000;

/**
 * Runs the daemon until it is told to end (TERM, INT), and answers the exit code. What keeps it from starting is
 * thrown as `Failed` or `ConfigurationFailure`, with nothing left open. HUP reads the configuration again.
 */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const startedAt = now();
  const log = openLog(options.logLevel ?? 'info');
  let settings = readSettings(options.settings, log);
  const setLevel = (level: string): void => {
    if (options.logLevel === undefined) log.level = level;
  };
  if (settings.logLevel !== undefined) setLevel(settings.logLevel);
  const provider = withOpenssl(nodeProvider());
  const base = read(options.config, provider, log);
  const user = options.user ?? settings.user;
  const ids = user === undefined ? undefined : idsOf(user, options.group ?? settings.group);
  const calls = systemCalls();
  const closing: (() => Promise<void>)[] = [];
  const manager = new ServiceManager(
    process.env,
    process.pid,
    path => calls?.openUnixDatagram(path),
    text => log.warn(text),
  );
  closing.push(async () => manager.close());
  const descriptor = handedOver(process.env, process.pid);
  for (const name of SERVICE_VARIABLES) delete process.env[name];
  try {
    const logs = new Logs(log, settings, options.logFormat === 'charon', calls);
    closing.push(() => logs.close());
    const plane = await openHostPlane(
      {
        addresses: options.listen.map(address),
        port: options.port ?? settings.engine.port ?? 500,
        natPort: options.natPort ?? settings.engine.natPort ?? 4500,
        backend: backendFrom(options, settings),
      },
      settings,
      provider,
      log,
    );
    closing.push(() => plane.close());
    const { gateway, watch } = gatewayOn(plane, settings, base, provider);
    const feed = logs.follow(gateway, settings);
    const updown = new UpdownPrograms((source, text) => logs.say('CHD', text, source));
    gateway.on(event => updown.note(event));
    if (settings.resolvConf !== undefined) {
      const file = settings.resolvConf;
      const servers = new NameServers(file, error =>
        log.error({ group: 'lib', file }, `the name servers cannot be written: ${error.message}`),
      );
      gateway.on(event => servers.note(event));
      closing.push(async () => servers.close());
    }
    if (settings.cacheCrls === true) {
      const lists = new CrlFiles(crlFolder(options.config), text => logs.say('CFG', text));
      gateway.on(event => lists.note(event));
      closing.push(() => lists.settled());
    }
    const inactivity = new Inactivity(gateway, {
      now,
      closeIke: settings.inactivityCloseIke === true,
      onClose: ({ connection, id: ike }, text) => logs.say('JOB', text, { connection, ike }),
    });
    closing.push(async () => inactivity.close());
    // The last of them are begun by the end of the gateway.
    closing.push(() => updown.settled());
    const unwatch = watch();
    closing.push(() => gateway.close(FAREWELL));
    closing.push(async () => unwatch());
    const facts = factsOf(plane, startedAt);
    const [history, counters] = [new History(), new Counters()];
    for (const observer of [history, counters]) gateway.on(event => observer.note(event));
    const keySaving = new KeySaving(
      on => gateway.emitKeys(on),
      text => log.warn({ group: 'dmn' }, text),
    );
    gateway.on(event => keySaving.note(event));
    keySaving.into(options.saveKeys ?? settings.saveKeys);
    const tellUnheeded = unheededTeller(plane.backend, plane.transport, text =>
      log.warn({ group: 'cfg' }, text),
    );
    tellUnheeded(base.connections);
    const live = new LiveConfiguration(base, (connections, credentials, pools) => {
      tellUnheeded(connections);
      gateway.configure(connections, credentials, pools);
    });
    const policies = new StandingPolicies(gateway);
    const actions = new StartActions(gateway, policies, (what, failure) => logs.failed(what, failure));
    const manual = new ManualSas(gateway, (what, failure) => logs.failed(what, failure));
    closing.push(async () => manual.close());
    const { drops } = plane;
    const metrics = new Metrics({
      gateway,
      actions,
      counters,
      manual,
      facts,
      ...(drops === undefined ? {} : { drops }),
    });
    const takeOverSubjects: TakeOverSubjects = { gateway, live, actions, manual };
    const { server, alerts } = await openControl(
      options.control ?? settings.control ?? DEFAULT_CONTROL,
      {
        ...takeOverSubjects,
        feed,
        history,
        counters,
        policies,
        provider,
        facts,
        metrics,
        keySaving,
        read: directory => read(directory, provider, log),
        reloadSettings: () => {
          settings = reloadSettings(options.settings, settings, log, setLevel);
          logs.reopen();
        },
        onWarning: warning => log.warn({ group: 'cfg' }, formatRemark(warning)),
        onLoaded: text => logs.say('CFG', text),
      },
      {
        ...(descriptor === undefined ? {} : { descriptor }),
        ...(ids === undefined ? {} : { owner: ids }),
        onClient: socket =>
          log.debug({ group: 'dmn', client: calls?.peerCredentials(socket) }, 'a control client'),
        onDefect: (command, error) =>
          log.error({ command, err: error }, `the command ${command} failed by a defect`),
      },
    );
    closing.push(() => server.close());
    if (options.metrics !== undefined) {
      const endpoint = await MetricsEndpoint.listen(options.metrics, () => metrics.families());
      closing.push(() => endpoint.close());
      log.info({ metrics: `http://${endpoint.address}/metrics` }, 'metrics can be had');
    }
    if (ids !== undefined) {
      become(ids, calls);
      log.info({ ...ids }, 'the superuser is given up');
    }
    const status = (): string => {
      const up = gateway.status().filter(({ state }) => state === 'ESTABLISHED').length;
      return `${live.connections.length} connections, ${up} IKE SAs established`;
    };
    gateway.on(({ kind }) => {
      if (kind === 'ike-up' || kind === 'ike-down') manager.statusSoon(status);
    });
    // Whoever reads "ready" may send a signal at once.
    const told = untilTold(() => {
      manager.reloading(process.hrtime.bigint());
      reload(takeOverSubjects, options.config, provider, log);
      manager.ready(status());
    });
    log.info(
      {
        control: server.address,
        backend: plane.name,
        connections: base.connections.length,
        milliseconds: Math.round(now() - startedAt),
      },
      'ready',
    );
    manager.ready(status());
    await manual.take(base.manual);
    for (const connection of base.connections) actions.run(connection);
    const tell = (text: string): void => logs.say('DMN', text);
    const started = runScripts(settings.startScripts ?? [], tell);
    await told;
    await started;
    await runScripts(settings.stopScripts ?? [], tell);
    alerts.shutdown();
    manager.stopping();
    log.info('ending: SAs are deleted and peers told');
    return 0;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** What the directory says; nothing without one. Throws ConfigurationFailure. */
function read(directory: string | undefined, provider: CryptoProvider, log: Logger): Base {
  if (directory === undefined) return NO_BASE;
  const configuration = loadConfiguration(directory, { provider, now: now() });
  for (const warning of configuration.warnings) log.warn({ group: 'cfg' }, formatRemark(warning));
  return configuration;
}

/** Takes a changed configuration over; what is wrong with it is logged, and what ran before runs on. */
function reload(
  subjects: TakeOverSubjects,
  directory: string | undefined,
  provider: CryptoProvider,
  log: Logger,
): void {
  if (directory === undefined) {
    log.info('there is no configuration to read again: clients load it');
    return;
  }
  try {
    const steps = takeOver(subjects, read(directory, provider, log), false);
    log.info({ group: 'cfg', steps }, 'the configuration was read again');
  } catch (error) {
    if (error instanceof ConfigurationFailure)
      for (const failure of error.failures) log.error({ failure }, formatRemark(failure));
    else log.error({ failure: failureOf(error) }, 'the configuration could not be read again');
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

/** charon has its packets go through user space where a plugin of that name is loaded. */
function backendFrom({ backend }: DaemonOptions, { userspace }: Settings): BackendName | 'auto' {
  return backend === 'auto' && userspace === true ? 'userspace' : backend;
}

function factsOf(plane: HostPlane, startedAt: number): DaemonFacts {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return { version, startedAt, backend: plane.name, listening: plane.transport.listening };
}
