import type { IpAddress } from '../lib/ip.ts';
import type { ConfigurationAttribute } from '../policy/pool.ts';
import { type EngineKnobs, engineKnobs } from './engine-knobs.ts';
import { resolveReferences } from './inheritance.ts';
import { type LogSettings, logsFrom } from './logs.ts';
import { attributesFrom } from './pools.ts';
import { type ConfigurationWarning, Report } from './report.ts';
import { CHARON, RESOLVE, REVOCATION, SAVE_KEYS, VICI } from './schema/settings.ts';
import { CHARON_UNHEEDED } from './schema/unheeded.ts';
import { readSection } from './schema.ts';
import type { Section } from './section.ts';
import { readSource } from './source.ts';

/** What a strongswan.conf sets: absent is what it does not speak of. */
export interface Settings extends LogSettings {
  readonly engine: EngineKnobs;
  /** Where the control socket is to be. */
  readonly control?: string;
  /** Whom the daemon becomes, by names or numbers. */
  readonly user?: string;
  readonly group?: string;
  /** An IKE SA goes with the last child that goes for its inactivity. */
  readonly inactivityCloseIke?: boolean;
  /** Revocation lists that were fetched are written to x509crl. */
  readonly cacheCrls?: boolean;
  /** What every peer is told that is given a virtual IP, besides what its pools say. */
  readonly attributes?: readonly ConfigurationAttribute[];
  /** Commands that are run one after the other when the daemon is ready, and before it ends. */
  readonly startScripts?: readonly string[];
  readonly stopScripts?: readonly string[];
  /** Folder to save keys in, for decryption of captures. */
  readonly saveKeys?: string;
  /** ESP is to go through user space, as charon has it with kernel-libipsec. */
  readonly userspace?: boolean;
  /** Routes for what goes through tunnels; false leaves them to others. */
  readonly routes?: { readonly table?: number; readonly priority?: number } | false;
  /** Where virtual IPs of this host go; false leaves them to others. */
  readonly virtualIps?: { readonly interface?: string } | false;
  /** Interfaces whose addresses IKE is spoken by, or is not. */
  readonly interfaces?: { readonly use: readonly string[]; readonly ignore: readonly string[] };
  /** Changes of routes are not looked at. */
  readonly ignoreRoutes?: true;
  /** The lowest and highest SPI of packets that come in. */
  readonly spis?: { readonly lowest: number; readonly highest: number };
  /** File to write the name servers into that peers tell us. */
  readonly resolvConf?: string;
  readonly warnings: readonly ConfigurationWarning[];
}

/** Reads a strongswan.conf. Sections of other programs are not looked at. Throws ConfigurationFailure. */
export function loadSettings(file: string): Settings {
  const report = new Report();
  const { root } = resolveReferences(readSource(file, report), report);
  const charon = over(root.sections.get('charon-systemd'), root.sections.get('charon'));
  const settings = charon === undefined ? { engine: {} } : fromCharon(charon, report);
  report.conclude();
  return { ...settings, warnings: report.warnings };
}

/** charon-systemd reads what is set for it alone, and where it is not what is set for charon. */
function over(own: Section | undefined, general: Section | undefined): Section | undefined {
  if (own === undefined || general === undefined) return own ?? general;
  const sections = new Map(general.sections);
  for (const [name, section] of own.sections)
    sections.set(name, over(section, sections.get(name)) ?? section);
  return { ...general, settings: new Map([...general.settings, ...own.settings]), sections };
}

const USER_SPACE_PLUGIN = 'kernel-libipsec';

/** Whether the plugin that carries ESP in user space is to be loaded: by the list of all plugins, or by itself. */
function asksForUserSpace(charon: Section): boolean {
  const listed = charon.settings.get('load')?.value?.split(/\s+/).includes(USER_SPACE_PLUGIN);
  const own = charon.sections.get('plugins')?.sections.get(USER_SPACE_PLUGIN)?.settings.get('load')?.value;
  return listed === true || (own !== undefined && own !== 'no' && own !== '0');
}

/** Sections of `charon` that are looked into. */
const HEEDED: ReadonlySet<string> = new Set([
  'plugins',
  'filelog',
  'syslog',
  'journal',
  'start-scripts',
  'stop-scripts',
]);

function fromCharon(charon: Section, report: Report): Omit<Settings, 'warnings'> {
  const values = readSection(charon, CHARON, report, name => Object.hasOwn(CHARON_UNHEEDED, name));
  tellUnheeded(charon, report);
  for (const section of charon.sections.values()) {
    if (HEEDED.has(section.name)) continue;
    if (hasSettings(section))
      report.warn(section.at, `the section charon.${section.name} has no effect here`);
  }
  const { engine, ...plugins } = fromPlugins(charon.sections.get('plugins'), report);
  const logs = logsFrom(charon, report);
  return {
    engine: { ...engine, ...engineKnobs(values) },
    ...defined('userspace', asksForUserSpace(charon) || undefined),
    ...defined('routes', routesOf(values)),
    ...defined('user', values.user),
    ...defined('group', values.group),
    ...(values.inactivity_close_ike && { inactivityCloseIke: true }),
    ...(values.cache_crls && { cacheCrls: true }),
    ...defined('virtualIps', virtualIpsOf(values)),
    ...defined('interfaces', interfacesOf(values)),
    ...(!values.process_route && { ignoreRoutes: true }),
    ...defined('spis', spisOf(charon, values, report)),
    ...plugins,
    ...attributesOf(values, plugins.attributes ?? []),
    ...scriptsOf(charon),
    ...logs,
  };
}

/** Each with its reason, but for those that say what is so in any case. */
function tellUnheeded(charon: Section, report: Report): void {
  for (const [name, { because, fulfilled = [] }] of Object.entries(CHARON_UNHEEDED)) {
    const setting = charon.settings.get(name);
    if (setting?.value === undefined || fulfilled.includes(setting.value.toLowerCase())) continue;
    report.warn(setting.at, `${name} has no effect here: ${because}`);
  }
}

function routesOf(
  values: Readonly<{
    install_routes: boolean;
    routing_table: number | undefined;
    routing_table_prio: number | undefined;
  }>,
): Settings['routes'] {
  if (!values.install_routes) return false;
  const { routing_table: table, routing_table_prio: priority } = values;
  if (table === undefined && priority === undefined) return undefined;
  return { ...defined('table', table), ...defined('priority', priority) };
}

function virtualIpsOf(
  values: Readonly<{ install_virtual_ip: boolean; install_virtual_ip_on: string | undefined }>,
): Settings['virtualIps'] {
  if (!values.install_virtual_ip) return false;
  return values.install_virtual_ip_on === undefined ? undefined : { interface: values.install_virtual_ip_on };
}

function interfacesOf(
  values: Readonly<{ interfaces_use: readonly string[]; interfaces_ignore: readonly string[] }>,
): Settings['interfaces'] {
  const { interfaces_use: use, interfaces_ignore: ignore } = values;
  return use.length === 0 && ignore.length === 0 ? undefined : { use, ignore };
}

function spisOf(
  charon: Section,
  values: Readonly<{ spi_min: number | undefined; spi_max: number | undefined }>,
  report: Report,
): Settings['spis'] {
  const { spi_min: lowest = 0x100, spi_max: highest = 0xffff_ffff } = values;
  if (values.spi_min === undefined && values.spi_max === undefined) return undefined;
  const setting = charon.settings.get('spi_max') ?? charon.settings.get('spi_min');
  if (setting !== undefined && highest - lowest < FEWEST_SPIS)
    report.fail(
      'config/invalid-value',
      setting.valueAt,
      `spi_min and spi_max leave ${Math.max(0, highest - lowest + 1)} SPIs, of which others guess one`,
      `leave at least ${FEWEST_SPIS} between them`,
    );
  return { lowest, highest };
}

/** So many SAs there may be at a time, and some more. */
const FEWEST_SPIS = 0x1_0000;

/** Name servers for all peers, of charon itself and of its plugin. */
function attributesOf(
  values: Readonly<Record<'dns1' | 'dns2' | 'nbns1' | 'nbns2', IpAddress | undefined>>,
  further: readonly ConfigurationAttribute[],
): Pick<Settings, 'attributes'> {
  const { dns1, dns2, nbns1, nbns2 } = values;
  const servers = (kind: 'dns' | 'nbns', ...addresses: readonly (IpAddress | undefined)[]) =>
    addresses.flatMap(address => (address === undefined ? [] : [{ kind, address }]));
  const attributes = [...servers('dns', dns1, dns2), ...servers('nbns', nbns1, nbns2), ...further];
  return attributes.length === 0 ? {} : { attributes };
}

/** Each setting of these sections is a command, whatever its name. */
function scriptsOf(charon: Section): Pick<Settings, 'startScripts' | 'stopScripts'> {
  const commands = (name: string): readonly string[] | undefined => {
    const found = [...(charon.sections.get(name)?.settings.values() ?? [])].flatMap(
      ({ value }) => value ?? [],
    );
    return found.length === 0 ? undefined : found;
  };
  return {
    ...defined('startScripts', commands('start-scripts')),
    ...defined('stopScripts', commands('stop-scripts')),
  };
}

function fromPlugins(
  plugins: Section | undefined,
  report: Report,
): Partial<Pick<Settings, 'control' | 'saveKeys' | 'attributes' | 'resolvConf' | 'engine'>> {
  let found: ReturnType<typeof fromPlugins> = {};
  const unused: Section[] = [];
  for (const plugin of plugins?.sections.values() ?? []) {
    if (plugin.name === 'vici') {
      const { socket } = readSection(plugin, VICI, report, name => name === 'load');
      if (socket !== undefined) found = { ...found, control: socket };
    } else if (plugin.name === 'resolve') {
      const { file } = readSection(plugin, RESOLVE, report, name => name === 'load');
      if (file !== undefined) found = { ...found, resolvConf: file };
    } else if (plugin.name === 'revocation') {
      const values = readSection(plugin, REVOCATION, report, name => name === 'load');
      const engine = {
        ...defined('useCrl', values.enable_crl),
        ...defined('useOcsp', values.enable_ocsp),
        ...defined('fetchTimeout', values.timeout),
      };
      found = { ...found, engine };
    } else if (plugin.name === 'save-keys') {
      const values = readSection(plugin, SAVE_KEYS, report, name => name === 'load');
      if (values.wireshark_keys !== undefined && (values.ike || values.esp)) {
        found = { ...found, saveKeys: values.wireshark_keys };
      }
    } else if (plugin.name === 'attr') found = { ...found, attributes: attributesFrom(plugin, report) };
    else if (hasSettings(plugin)) unused.push(plugin);
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

/** Whether a section says more than that a plugin is loaded, which every distribution's files say of all of them. */
function hasSettings(section: Section): boolean {
  const says = [...section.settings.values()].some(({ key, value }) => key !== 'load' && value !== undefined);
  return says || [...section.sections.values()].some(hasSettings);
}

function defined<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: V };
}
