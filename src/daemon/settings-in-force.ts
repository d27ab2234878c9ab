import { isDeepStrictEqual } from 'node:util';
import { ConfigurationFailure, formatRemark, loadSettings, type Settings } from '../config/index.ts';
import type { EngineSettings } from '../ike/output.ts';
import { Failed } from '../policy/failure.ts';
import type { Logger } from './log.ts';

const NONE: Settings = { engine: {}, warnings: [] };

/** What strongswan.conf says, if there is one; what it says in vain is logged, each once. Throws ConfigurationFailure. */
export function readSettings(file: string | undefined, log: Logger): Settings {
  if (file === undefined) return NONE;
  const settings = loadSettings(file);
  for (const warning of settings.warnings) log.warn({ group: 'cfg' }, formatRemark(warning));
  return settings;
}

/** The engine's part of it. What the command line says goes first and is not in here. */
export function engineSettings(settings: Settings): Partial<EngineSettings> {
  const { port: _, natPort: __, ...knobs } = settings.engine;
  return { ...knobs, traceMessages: true };
}

/**
 * Reads strongswan.conf again while the daemon runs: how much is logged changes at once, and what else differs is
 * named, since it waits for the next start. Answers what is in force now. Throws Failed, and nothing is changed.
 */
export function reloadSettings(
  file: string | undefined,
  inForce: Settings,
  log: Logger,
  setLevel: (level: string) => void,
): Settings {
  let next: Settings;
  try {
    next = readSettings(file, log);
  } catch (error) {
    if (!(error instanceof ConfigurationFailure)) throw error;
    throw new Failed({
      code: error.failures[0]?.code ?? 'config/unreadable',
      summary: error.failures.map(formatRemark).join('; '),
    });
  }
  if (next.logLevel !== undefined && next.logLevel !== inForce.logLevel) setLevel(next.logLevel);
  const keys = new Set([...Object.keys(inForce.engine), ...Object.keys(next.engine)]);
  const waiting = [...keys].filter(
    key => inForce.engine[key as keyof Settings['engine']] !== next.engine[key as keyof Settings['engine']],
  );
  if (!isDeepStrictEqual(inForce.routes, next.routes)) waiting.push('routes');
  if (!isDeepStrictEqual(inForce.virtualIps, next.virtualIps)) waiting.push('virtual IPs');
  if (waiting.length > 0) {
    log.warn(
      { group: 'cfg', settings: waiting },
      `what strongswan.conf changes takes effect at the next start: ${waiting.join(', ')}`,
    );
  }
  const { routes: _, virtualIps: __, ...changed } = next;
  return {
    ...changed,
    engine: inForce.engine,
    ...(inForce.routes !== undefined && { routes: inForce.routes }),
    ...(inForce.virtualIps !== undefined && { virtualIps: inForce.virtualIps }),
  };
}
