/** Configuration: text to the policy model, with the place of everything that is wrong. */
export {
  authorityFromTree,
  certificatesFrom,
  connectionFromTree,
  crlsFrom,
  type InlineConnection,
  manualSaFromTree,
  poolFromTree,
  privateKeysFrom,
  publicKeysFrom,
  sharedKeyFromTree,
} from './inline.ts';
export { configurationSchema } from './json-schema.ts';
export { type Configuration, type LoadOptions, loadConfiguration } from './load.ts';
export type { LogFile, SyslogSettings } from './logs.ts';
export { nearest } from './nearest.ts';
export { overlaps } from './pools.ts';
export { configurationFrom, type ProgramConfiguration } from './program.ts';
export {
  ConfigurationFailure,
  type ConfigurationWarning,
  formatRemark,
  type LocatedFailure,
} from './report.ts';
export { formatPosition, type PlainTree } from './section.ts';
export { loadSettings, type Settings } from './settings.ts';
export { yamlFrom } from './yaml-writer.ts';
