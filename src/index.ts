/**
 * IKE and IPsec in a program: a gateway or a client (`openGateway`), or the bare protocol engine (`Engine`) for
 * programs that have their own sockets and clock. docs/guide/embedding.md shows each.
 */
export {
  type Configuration,
  ConfigurationFailure,
  configurationFrom,
  type LoadOptions,
  loadConfiguration,
  type PlainTree,
  type ProgramConfiguration,
} from './config/index.ts';
export { withOpenssl } from './crypto/node/openssl.ts';
export { nodeProvider } from './crypto/node/provider.ts';
export { type AcceptedProposal, type Proposal, parseProposals } from './crypto/proposal.ts';
export type { CryptoProvider } from './crypto/provider.ts';
export { Gateway, type GatewayOptions } from './daemon/gateway.ts';
export type { ManualState } from './daemon/manual-sas.ts';
export { type GatewaySetup, type OpenGateway, openGateway } from './daemon/open-gateway.ts';
export type { SaTarget } from './daemon/sa-target.ts';
export { Engine, type EngineOptions } from './engine/engine.ts';
export type {
  Answer,
  ChildSaStatus,
  Command,
  EngineSettings,
  IkeEvent,
  IkeSaStatus,
  Output,
  Question,
  ReceivedAttribute,
} from './ike/output.ts';
export type { IpsecBackend } from './ipsec/backend.ts';
export { MemoryBackend } from './ipsec/memory/backend.ts';
export { type PacketPort, UserspaceBackend } from './ipsec/userspace/backend.ts';
export { formatIp, type IpAddress, ip, parseIp } from './lib/ip.ts';
export { Malformed } from './lib/reader.ts';
export { Secret } from './lib/secret.ts';
export type { Fetcher } from './net/fetcher.ts';
export { openNodeTransport } from './net/node-transport.ts';
export type { UdpTransport } from './net/transport.ts';
export type { ChildConfig, Connection, LocalAuth, RemoteAuth } from './policy/connection.ts';
export type { Credentials, SharedKey } from './policy/credentials.ts';
export { FAILURES, Failed, type Failure, type FailureCode } from './policy/failure.ts';
export type { ManualSa } from './policy/manual-sa.ts';
export type { ConfigurationAttribute, Pool } from './policy/pool.ts';
export type {
  BackendEvent,
  BackendFeatures,
  ChildSaParameters,
  ChildSaUsage,
  Endpoint,
  Path,
} from './policy/sa.ts';
