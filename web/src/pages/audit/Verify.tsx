/** Whether every record is as it was sealed: begun here, done by the gateway, followed until it ends. */

import { Button, NativeSelect } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, type Schemas } from '@/api/client';
import { count, duration, percent } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Panel } from '@/parts/Page';
import { Failure, Query } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';
import { Ago, Copy, type Tone } from '@/parts/Values';

type Verification = Schemas['Verification'];
type Chain = Schemas['ChainShown'];
const KEY = ['audit', 'verify'];
const PARTS = [
  { value: '', label: 'All of it' },
  { value: '1d', label: 'The last day' },
  { value: '7d', label: 'The last week' },
  { value: '30d', label: 'The last 30 days' },
];

export function Verify() {
  const [since, setSince] = useState('');
  const client = useQueryClient();
  const state = useQuery({
    queryKey: KEY,
    queryFn: () => ask(api.GET('/api/v1/audit/verify')),
    refetchInterval: ({ state: { data } }) => (data?.state === 'running' ? 700 : false),
  });
  const begin = useMutation({
    mutationFn: () => ask(api.POST('/api/v1/audit/verify', { body: since === '' ? {} : { since } })),
    onSuccess: (data) => client.setQueryData(KEY, data),
  });
  const isRunning = state.data?.state === 'running';
  return (
    <Panel
      title="Is it as it was recorded?"
      side={
        <>
          <NativeSelect
            aria-label="How much is verified"
            value={since}
            disabled={isRunning}
            onChange={(event) => setSince(event.currentTarget.value)}
            data={PARTS}
          />
          <Button loading={begin.isPending || isRunning} onClick={() => begin.mutate()}>
            Verify
          </Button>
        </>
      }
    >
      <div aria-live="polite">
        {begin.isError && <Failure error={begin.error} />}
        <Query of={state} rows={2}>
          {(data) => <Outcome of={data} />}
        </Query>
      </div>
    </Panel>
  );
}

const VERDICTS: Record<'verified' | 'faulty' | 'failed', [Tone, string]> = {
  verified: ['good', 'Nothing was edited, removed, inserted or reordered.'],
  faulty: ['bad', 'The trail isn’t what was recorded.'],
  failed: ['warn', 'It couldn’t be verified to its end.'],
};

function Outcome({ of }: { of: Verification }) {
  if (of.state === 'none') {
    return (
      <p className="dim">
        Every batch of records is sealed by a hash that covers the one before it. Verifying reads them all and computes each
        anew.
      </p>
    );
  }
  if (of.state === 'running') return <Running of={of} />;
  const [tone, verdict] = VERDICTS[of.state];
  return (
    <div className="stack tight">
      <p className="with-dot toned" data-tone={tone}>
        <Icon name={of.state === 'verified' ? 'done' : 'warn'} />
        <b>{verdict}</b>
      </p>
      {of.reason !== null && <p>{of.reason}</p>}
      {of.chains.map(
        ({ chain, fault }) =>
          fault !== null && (
            <p key={chain}>
              In <code>{chain}</code>, batch {count(fault.batch)}
              {fault.record !== null && <>, record {count(fault.record)}</>}: {fault.detail}
            </p>
          ),
      )}
      <p className="dim small">
        {count(of.done)} records{partOf(of)}
        {of.ended_at !== null && (
          <>
            {of.started_at !== null && ` in ${duration(Date.parse(of.ended_at) - Date.parse(of.started_at))}`}, <Ago at={of.ended_at} />
          </>
        )}
        . Of what runs now, a few newest records may not be sealed yet.
      </p>
      {of.chains.length > 0 && <Chains chains={of.chains} />}
    </div>
  );
}

function partOf({ since, until }: Verification): string {
  const parts = [since === null ? '' : ` since ${new Date(since).toLocaleString('en-GB')}`, until === null ? '' : ` until ${new Date(until).toLocaleString('en-GB')}`];
  return parts.join('');
}

function Running({ of: { done, total } }: { of: Verification }) {
  const ratio = total === null || total === 0 ? null : Math.min(1, done / total);
  return (
    <div className="stack tight">
      <p>
        {count(done)} {total !== null && <>of {count(total)} </>}records{ratio !== null && <span className="dim"> · {percent(ratio)}</span>}
      </p>
      <div
        className="progress"
        role="progressbar"
        aria-label="Verifying"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={ratio === null ? undefined : Math.round(ratio * 100)}
        data-unknown={ratio === null || undefined}
      >
        <span style={ratio === null ? undefined : { width: `${ratio * 100}%` }} />
      </div>
    </div>
  );
}

const COLUMNS: Column<Chain>[] = [
  { name: 'Chain', cell: ({ chain }) => <code>{chain}</code> },
  { name: 'Records', align: 'right', cell: ({ records }) => count(records) },
  { name: 'Batches', align: 'right', only: 'medium', cell: ({ batches }) => count(batches) },
  { name: 'Left out', only: 'medium', cell: (chain) => <LeftOut of={chain} /> },
  {
    name: 'Ends with',
    only: 'wide',
    grow: true,
    cell: ({ head }) => (
      <span className="hash-line">
        <code title={`Batch ${head.batch}, record ${head.record}. Kept elsewhere, it shows later whether the end was removed.`}>{head.hash}</code>
        <Copy text={head.hash} label="Copy the hash" />
      </span>
    ),
  },
  {
    name: '',
    align: 'right',
    cell: ({ fault }) => (
      <span className="toned" data-tone={fault === null ? 'good' : 'bad'}>
        <Icon name={fault === null ? 'done' : 'warn'} size={14} /> <span data-only={fault === null ? 'medium' : undefined}>{fault === null ? 'as sealed' : 'faulty'}</span>
      </span>
    ),
  },
];

function Chains({ chains }: { chains: Chain[] }) {
  return (
    <details className="folded" open={chains.some(({ fault }) => fault !== null)}>
      <summary className="small">
        <Icon name="down" size={13} /> {chains.length === 1 ? 'One chain' : `${count(chains.length)} chains`}
      </summary>
      <Table label="Chains" columns={COLUMNS} rows={chains} idOf={({ chain }) => chain} toneOf={({ fault }) => (fault === null ? undefined : 'bad')} />
    </details>
  );
}

/** Records that are openly missing: pruned by age, or lost and said to be so. */
function LeftOut({ of: { pruned, missing } }: { of: Chain }) {
  const lost = missing.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const isUnsaid = missing.some(({ recorded }) => recorded === false);
  if (pruned === 0 && lost === 0) return <span className="dim">nothing</span>;
  return (
    <span className="toned" data-tone={isUnsaid ? 'bad' : 'quiet'}>
      {[pruned > 0 ? `pruned up to ${count(pruned)}` : '', lost > 0 ? `${count(lost)} missing` : ''].filter(Boolean).join(', ')}
    </span>
  );
}
