/** The part of node-zookeeper-client 1.1.3 that client.ts touches; the package brings no types. */
declare module 'node-zookeeper-client' {
  export function createClient(
    servers: string,
    options: {
      sessionTimeout: number; spinDelay: number; retries: number;
      sessionId?: Uint8Array; sessionPassword?: Uint8Array;
    },
  ): unknown;
}
