import { SECOND } from '../lib/time.ts';
import { resolveReferences } from './inheritance.ts';
import { type ConfigurationWarning, Report } from './report.ts';
import { CHARON, CHARON_IGNORED, FILELOG, SAVE_KEYS, VICI } from './schema/settings.ts';
import { readSection } from './schema.ts';
import type { Section } from './section.ts';
import { readSource } from './source.ts';

/** What a strongswan.conf sets: absent is what it does not speak of. */
export interface Settings {
  readonly engine: EngineKnobs;
  /** Where the control socket is to be. */
  readonly control?: string;
  /** Folder to save keys in, for decryption of captures. */
  readonly saveKeys?: string;
  readonly logLevel?: 'silent' | 'error' | 'info' | 'debug' | 'trace';
  readonly warnings: readonly ConfigurationWarning[];
}

/** Knobs of the engine, times in milliseconds. */
interface EngineKnobs {
  readonly port?: number;
  readonly natPort?: number;
  readonly retransmitTimeout?: number;
  readonly retransmitBase?: number;
  readonly retransmitTries?: number;
  readonly halfOpenTimeout?: number;
  readonly cookieThreshold?: number;
  readonly cookieThresholdPerAddress?: number;
  readonly blockThreshold?: number;
  readonly halfOpenLimit?: number;
  readonly fragmentSize?: number;
  readonly natKeepAlive?: number;
  readonly deleteRekeyedDelay?: number;
}

/** Reads a strongswan.conf. Sections of other programs are not looked at. Throws ConfigurationFailure. */
export function loadSettings(file: string): Settings {
  const report = new Report();
  const { root } = resolveReferences(readSource(file, report), report);
  const charon = root.sections.get('charon');
  const settings = charon === undefined ? { engine: {} } : fromCharon(charon, report);
  report.conclude();
  return { ...settings, warnings: report.warnings };
}

function fromCharon(charon: Section, report: Report): Omit<Settings, 'warnings'> {
  const values = readSection(charon, CHARON, report, name => CHARON_IGNORED.includes(name));
  for (const name of CHARON_IGNORED) {
    const setting = charon.settings.get(name);
    if (setting?.value !== undefined) report.warn(setting.at, `${name} has no effect here`);
  }
  for (const section of charon.sections.values()) {
    if (section.name === 'plugins' || section.name === 'filelog') continue;
    if (hasSettings(section))
      report.warn(section.at, `the section charon.${section.name} has no effect here`);
  }
  const plugins = fromPlugins(charon.sections.get('plugins'), report);
  const logLevel = levelFrom(charon.sections.get('filelog'), report);
  return {
    engine: {
      ...defined('port', values.port),
      ...defined('natPort', values.port_nat_t),
      ...defined('retransmitTimeout', inMilliseconds(values.retransmit_timeout)),
      ...defined('retransmitBase', values.retransmit_base),
      ...defined('retransmitTries', values.retransmit_tries),
      ...defined('halfOpenTimeout', values.half_open_timeout),
      ...defined('cookieThreshold', values.dos_protection ? values.cookie_threshold : NEVER),
      ...defined('cookieThresholdPerAddress', values.dos_protection ? values.cookie_threshold_ip : NEVER),
      ...defined('blockThreshold', values.dos_protection ? values.block_threshold : 0),
      ...defined(
        'halfOpenLimit',
        values.init_limit_half_open === 0 ? undefined : values.init_limit_half_open,
      ),
      ...defined('fragmentSize', values.fragment_size === 0 ? undefined : values.fragment_size),
      ...defined('natKeepAlive', values.keep_alive),
      ...defined('deleteRekeyedDelay', values.delete_rekeyed_delay),
    },
    ...plugins,
    ...(logLevel === undefined ? {} : { logLevel }),
  };
}

/** As a threshold: more half-open SAs than there can be. */
const NEVER = Number.MAX_SAFE_INTEGER;

function fromPlugins(plugins: Section | undefined, report: Report): Pick<Settings, 'control' | 'saveKeys'> {
  let found: Pick<Settings, 'control' | 'saveKeys'> = {};
  const unused: Section[] = [];
  for (const plugin of plugins?.sections.values() ?? []) {
    if (plugin.name === 'vici') {
      const { socket } = readSection(plugin, VICI, report, name => name === 'load');
      if (socket !== undefined) found = { ...found, control: socket };
    } else if (plugin.name === 'save-keys') {
      const values = readSection(plugin, SAVE_KEYS, report, name => name === 'load');
      if (values.wireshark_keys !== undefined && (values.ike || values.esp)) {
        found = { ...found, saveKeys: values.wireshark_keys };
      }
    } else if (hasSettings(plugin)) unused.push(plugin);
  }
  const [first] = unused;
  if (first !== undefined) {
    report.warn(
      first.at,
      `plugins of charon have no effect here: ${unused.map(({ name }) => name).join(', ')}`,
    );
  }
  return found;
}

const LEVELS = ['error', 'info', 'debug', 'trace', 'trace'] as const;

/** The level of the most talkative log file. */
function levelFrom(filelog: Section | undefined, report: Report): Settings['logLevel'] {
  let most: number | undefined;
  for (const file of filelog?.sections.values() ?? []) {
    const { default: level } = readSection(file, FILELOG, report, () => true);
    if (level !== undefined) most = Math.max(most ?? -1, level);
  }
  return most === undefined ? undefined : most < 0 ? 'silent' : LEVELS[most];
}

/** Whether a section says more than that a plugin is loaded, which every distribution's files say of all of them. */
function hasSettings(section: Section): boolean {
  const says = [...section.settings.values()].some(({ key, value }) => key !== 'load' && value !== undefined);
  return says || [...section.sections.values()].some(hasSettings);
}

function inMilliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.round(seconds * SECOND);
}

function defined<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}
