/** The only file that starts other programs. */
import { execFile, fork, spawn, type ChildProcess, type ForkOptions, type SpawnOptions } from 'node:child_process';

export interface ProgramResult {
  /** Exit status, or null when it was ended by a signal, the deadline, or could not be started. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Runs a program to its end with a deadline (SIGKILL past it); `signal` asks it to end (SIGTERM). Never rejects. */
export function runProgram(
  file: string, args: readonly string[],
  options: { deadlineMs: number; input?: string; env?: Record<string, string>; signal?: AbortSignal },
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    // Whole milliseconds, and never 0, which would mean no deadline at all.
    const timeout = Math.max(1, Math.ceil(options.deadlineMs));
    const giveUp = (): void => void child.kill('SIGTERM');
    const child = execFile(
      file, [...args],
      { timeout, killSignal: 'SIGKILL', maxBuffer: 16 << 20, ...(options.env ? { env: options.env } : {}) },
      (error, stdout, stderr) => {
        options.signal?.removeEventListener('abort', giveUp);
        const failure = error as (Error & { code?: unknown; killed?: boolean }) | null;
        resolve({
          status: failure === null ? 0 : typeof failure.code === 'number' ? failure.code : null,
          stdout, stderr: stderr || (failure && typeof failure.code === 'string' ? failure.message : ''),
          timedOut: failure?.killed === true,
        });
      },
    );
    if (options.signal?.aborted === true) giveUp();
    options.signal?.addEventListener('abort', giveUp, { once: true });
    // A program may end without reading what it was given: that is no error of ours.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
  });
}

export const spawnProgram = (file: string, args: readonly string[], options: SpawnOptions): ChildProcess =>
  spawn(file, [...args], options);

/** A Node child with an IPC channel, for drivers that live in a process of their own. */
export const forkModule = (modulePath: string, args: readonly string[], options: ForkOptions): ChildProcess =>
  fork(modulePath, [...args], options);
