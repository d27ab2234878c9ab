import type { Report } from './report.ts';
import { FILELOG, GROUP_LEVEL, LOG_GROUPS, SYSLOG, SYSLOG_FACILITY } from './schema/settings.ts';
import { readSection } from './schema.ts';
import type { Section } from './section.ts';

/** What `filelog`, `syslog` and `journal` of a strongswan.conf ask for. */
export interface LogSettings {
  readonly logLevel?: 'silent' | 'error' | 'info' | 'debug' | 'trace';
  /** Logs in charon's own form. */
  readonly logFiles?: readonly LogFile[];
  readonly syslog?: SyslogSettings;
}

/** By group in lower case; `default` for all others. */
type Levels = Readonly<Record<string, number>>;

/** A `filelog` with a path. */
export interface LogFile {
  readonly path: string;
  readonly append: boolean;
  readonly ikeName: boolean;
  readonly timeFormat?: string;
  readonly milliseconds: boolean;
  /** The level of each line stands behind its group. */
  readonly level?: true;
  readonly levels: Levels;
}

/** Lines for the system's log. */
export interface SyslogSettings {
  /** By which name. */
  readonly identifier: string;
  readonly targets: readonly {
    readonly facility: number;
    readonly ikeName: boolean;
    readonly level?: true;
    readonly levels: Levels;
  }[];
}

/** Numbers of the facilities that charon writes to (RFC 3164 §4.1.1); its `auth` is the private one. */
const FACILITIES: Readonly<Record<string, number>> = { daemon: 3, auth: 10 };

export function logsFrom(charon: Section, report: Report): LogSettings {
  const logs = [...(charon.sections.get('filelog')?.sections.values() ?? [])].map(log =>
    fromFilelog(log, report),
  );
  const journal = charon.sections.get('journal');
  if (journal !== undefined) logs.push(fromFilelog(journal, report));
  const logLevel = levelOf(logs);
  const logFiles = logs.flatMap(log => (log.path === undefined ? [] : [{ ...log, path: log.path }]));
  const syslog = fromSyslog(charon.sections.get('syslog'), report);
  return {
    ...(logLevel === undefined ? {} : { logLevel }),
    ...(logFiles.length === 0 ? {} : { logFiles }),
    ...(syslog === undefined ? {} : { syslog }),
  };
}

function fromFilelog(section: Section, report: Report): Omit<LogFile, 'path'> & { readonly path?: string } {
  const { default: standard = 1, ...values } = readSection(section, FILELOG, report, isGroup);
  const { path, time_format: timeFormat } = values;
  return {
    ...(path === undefined ? {} : { path }),
    append: values.append,
    ikeName: values.ike_name,
    ...(timeFormat === undefined ? {} : { timeFormat }),
    milliseconds: values.time_add_ms,
    ...(values.log_level && { level: true }),
    levels: levelsOf(section, standard, report),
  };
}

/** Undefined where nothing is to be written, which is what a section without facilities means. */
function fromSyslog(section: Section | undefined, report: Report): SyslogSettings | undefined {
  if (section === undefined) return undefined;
  const { identifier = 'charon' } = readSection(section, SYSLOG, report);
  const targets = [...section.sections.values()].flatMap(target => {
    const facility = FACILITIES[target.name];
    if (facility === undefined) {
      report.warn(
        target.at,
        `charon writes to the facilities ${Object.keys(FACILITIES).join(' and ')} alone`,
      );
      return [];
    }
    const {
      default: standard = 1,
      ike_name: ikeName,
      log_level: level,
    } = readSection(target, SYSLOG_FACILITY, report, isGroup);
    return [
      {
        facility,
        ikeName,
        ...(level && { level: true as const }),
        levels: levelsOf(target, standard, report),
      },
    ];
  });
  return targets.length === 0 ? undefined : { identifier, targets };
}

function isGroup(name: string): boolean {
  return LOG_GROUPS.some(group => group === name);
}

function levelsOf(section: Section, standard: number, report: Report): Levels {
  const levels: Record<string, number> = { default: standard };
  for (const group of LOG_GROUPS) {
    const setting = section.settings.get(group);
    const own = setting === undefined ? undefined : GROUP_LEVEL.read(setting, report);
    if (own !== undefined) levels[group] = own;
  }
  return levels;
}

const LEVELS = ['error', 'info', 'debug', 'trace', 'trace'] as const;

/** What the logs without a path make of the one on standard output: the level of the most talkative. */
function levelOf(
  logs: readonly { readonly path?: string; readonly levels: Levels }[],
): LogSettings['logLevel'] {
  const levels = logs.filter(({ path }) => path === undefined).map(log => log.levels['default'] ?? 1);
  if (levels.length === 0) return undefined;
  const most = Math.max(...levels);
  return most < 0 ? 'silent' : LEVELS[most];
}
