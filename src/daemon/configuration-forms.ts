/** The configuration in other forms, for commands that need no daemon. */
export { configurationSchema, yamlFrom } from '../config/index.ts';
