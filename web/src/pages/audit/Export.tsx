/** The dialog that takes records elsewhere, as a file. */

import { Button, Checkbox, Modal, NativeSelect, SegmentedControl } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { PREFIX } from '@/api/client';
import { bytes, count } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Failure } from '@/parts/States';
import { download, save, type Progress } from './download';
import { asQuery, type Filters } from './filters';

type Format = 'jsonl' | 'csv';
type Which = 'these' | 'changes' | 'all';

const RANGES = [
  { value: '', label: 'from the beginning' },
  { value: '1d', label: 'of the last day' },
  { value: '7d', label: 'of the last week' },
  { value: '30d', label: 'of the last 30 days' },
  { value: '90d', label: 'of the last 90 days' },
  { value: '365d', label: 'of the last year' },
];

interface Wanted {
  which: Which;
  format: Format;
  since: string;
  isSealed: boolean;
}

/** The address of an export; a sealed one is of whole batches, and so of all records. */
export function addressOf({ which, format, since, isSealed }: Wanted, filters: Filters): string {
  const search = new URLSearchParams({ format });
  const query = which === 'these' ? asQuery(filters) : asQuery({ kind: which === 'all' ? 'all' : 'change', since });
  if (isSealed) search.set('sealed', 'true');
  else for (const one of query.where) search.append('where', one);
  if (query.since) search.set('since', query.since);
  if (query.until) search.set('until', query.until);
  return `${PREFIX}/audit/export?${search.toString()}`;
}

export function Export({ filters, onClose }: { filters: Filters; onClose: () => void }) {
  const isFiltered = Object.keys(filters).length > 0;
  const [wanted, setWanted] = useState<Wanted>({ which: isFiltered ? 'these' : 'changes', format: 'jsonl', since: '', isSealed: false });
  const [progress, setProgress] = useState<Progress | null>(null);
  const ending = useRef<AbortController | null>(null);
  const run = useMutation({
    mutationFn: async () => {
      ending.current = new AbortController();
      setProgress({ bytes: 0, lines: 0 });
      const { signal } = ending.current;
      try {
        save(await download(addressOf(wanted, filters), signal, setProgress));
      } catch (error) {
        if (!signal.aborted) throw error;
        setProgress(null);
      }
    },
  });
  const set = (part: Partial<Wanted>): void => {
    setProgress(null);
    setWanted((before) => ({ ...before, ...part }));
  };
  const maySeal = wanted.which === 'all' && wanted.format === 'jsonl';
  const leave = (): void => {
    ending.current?.abort();
    onClose();
  };
  return (
    <Modal opened onClose={leave} title="Export records">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          run.mutate();
        }}
      >
        <NativeSelect
          label="Records"
          value={wanted.which}
          disabled={run.isPending}
          onChange={(event) => set({ which: event.currentTarget.value as Which, isSealed: false })}
          data={[
            ...(isFiltered ? [{ value: 'these', label: 'Those that fit the filters' }] : []),
            { value: 'changes', label: 'Changes' },
            { value: 'all', label: 'All: changes and exchanges' },
          ]}
        />
        {wanted.which !== 'these' && (
          <NativeSelect label="Range" value={wanted.since} disabled={run.isPending} onChange={(event) => set({ since: event.currentTarget.value })} data={RANGES} />
        )}
        <div>
          <SegmentedControl
            aria-label="Format"
            value={wanted.format}
            disabled={run.isPending}
            onChange={(value) => set({ format: value, isSealed: false })}
            data={[
              { value: 'jsonl', label: 'JSON Lines' },
              { value: 'csv', label: 'CSV' },
            ]}
          />
        </div>
        {maySeal && (
          <Checkbox
            size="xs"
            label="With seals"
            description="So that exeat audit verify FILE can prove the file by itself."
            checked={wanted.isSealed}
            disabled={run.isPending}
            onChange={(event) => set({ isSealed: event.currentTarget.checked })}
          />
        )}
        <div aria-live="polite">
          {run.isError && <Failure error={run.error} />}
          {progress !== null && !run.isError && <Came progress={progress} format={wanted.format} isDone={run.isSuccess} />}
        </div>
        <div className="dialog-foot">
          <Button variant="default" onClick={leave}>
            {run.isPending ? 'Stop' : 'Close'}
          </Button>
          <Button type="submit" loading={run.isPending}>
            Export
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function Came({ progress, format, isDone }: { progress: Progress; format: Format; isDone: boolean }) {
  const size = `${format === 'jsonl' ? `${count(progress.lines)} records, ` : ''}${bytes(progress.bytes)}`;
  if (isDone) {
    return (
      <p className="with-dot toned" data-tone="good">
        <Icon name="done" /> {size}, saved where downloads go
      </p>
    );
  }
  return (
    <div className="stack tight">
      <p>{size} so far</p>
      <div className="progress" role="progressbar" aria-label="Exporting" data-unknown>
        <span />
      </div>
    </div>
  );
}
