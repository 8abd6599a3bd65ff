/** An export as it comes: its size is told meanwhile, and only what has come whole is given. */

import { unreachable, parseProblem, Problem } from '@/api/problem';

export interface Progress {
  bytes: number;
  /** Lines that have come: a record each, in JSON Lines. */
  lines: number;
}

export interface Downloaded {
  blob: Blob;
  name: string;
}

const CHUNK = 8 << 20;
const NEWLINE = 10;

/** Fetches what is at an address; an AbortError where `signal` ends it, a Problem where it is refused or cut. */
export async function download(url: string, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<Downloaded> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw unreachable(error);
  }
  if (!response.ok) throw parseProblem(response, await response.json().catch(() => null));
  const gathered = new Gathered();
  try {
    const reader = response.body?.getReader();
    for (;;) {
      const step = await reader?.read();
      if (step === undefined || step.done) break;
      gathered.add(step.value);
      onProgress(gathered.progress);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem({
      title: 'The export was cut',
      detail: `It broke off after ${gathered.progress.lines} lines. Nothing of it is kept, because it isn’t whole.`,
      hint: 'Export less at once, or use exeat audit export on the gateway’s machine.',
    });
  }
  return { blob: gathered.whole(response.headers.get('content-type') ?? ''), name: nameOf(response.headers) };
}

/** What has come: put together now and then, so that the browser may keep it outside of its memory. */
class Gathered {
  progress: Progress = { bytes: 0, lines: 0 };
  private readonly parts: Blob[] = [];
  private fresh: Uint8Array<ArrayBuffer>[] = [];
  private freshBytes = 0;

  add(chunk: Uint8Array): void {
    const kept = new Uint8Array(chunk);
    this.fresh.push(kept);
    this.freshBytes += kept.length;
    this.progress = { bytes: this.progress.bytes + kept.length, lines: this.progress.lines + linesIn(kept) };
    if (this.freshBytes >= CHUNK) this.put();
  }

  whole(type: string): Blob {
    this.put();
    return new Blob(this.parts, { type });
  }

  private put(): void {
    if (this.fresh.length > 0) this.parts.push(new Blob(this.fresh));
    this.fresh = [];
    this.freshBytes = 0;
  }
}

function linesIn(chunk: Uint8Array): number {
  let found = 0;
  for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) found++;
  return found;
}

function nameOf(headers: Headers): string {
  return /filename="([^"/\\]+)"/.exec(headers.get('content-disposition') ?? '')?.[1] ?? 'exeat-records';
}

/** Gives a file to the browser, which puts it where downloads go. */
export function save({ blob, name }: Downloaded): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
