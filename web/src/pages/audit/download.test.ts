import { afterEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '@/api/problem';
import { download, type Progress } from './download';

const never = new AbortController().signal;

function answer(stream: ReadableStream<Uint8Array>, init: ResponseInit = {}): void {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(stream, init)));
}

function streamOf(...parts: (string | Error)[]): ReadableStream<Uint8Array> {
  const left = [...parts];
  return new ReadableStream({
    pull(controller) {
      const part = left.shift();
      if (part === undefined) controller.close();
      else if (part instanceof Error) controller.error(part);
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
}

afterEach(() => vi.unstubAllGlobals());

describe('an export', () => {
  it('tells how much has come, and has the name that the gateway gave it', async () => {
    const headers = { 'content-disposition': 'attachment; filename="exeat-records-1.jsonl"' };
    answer(streamOf('{"a":1}\n{"b"', ':2}\n'), { headers });
    const told: Progress[] = [];
    const { blob, name } = await download('/x', never, (progress) => told.push(progress));
    expect(name).toBe('exeat-records-1.jsonl');
    expect(blob.size).toBe(16);
    expect(told).toEqual([
      { bytes: 12, lines: 1 },
      { bytes: 16, lines: 2 },
    ]);
  });
  it('that is cut is no export', async () => {
    answer(streamOf('{"a":1}\n', new TypeError('network error')));
    await expect(download('/x', never, () => undefined)).rejects.toMatchObject({ title: 'The export was cut' });
  });
  it('that is refused says why', async () => {
    answer(streamOf('{"code":"overloaded","title":"Too much at once","detail":"Four run."}'), { status: 503 });
    const error: unknown = await download('/x', never, () => undefined).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Problem);
    expect(error).toMatchObject({ status: 503, code: 'overloaded' });
  });
});
