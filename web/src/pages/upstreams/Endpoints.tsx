/** The endpoints of an upstream: how each is, and what an operator says of it. */

import { Menu, ActionIcon, NativeSelect } from '@mantine/core';
import { useState } from 'react';
import { handleEndpoint, useEndpoints, type EndpointShown, type Free, type Hold } from '@/api/objects';
import { useMay } from '@/api/session';
import { useChange } from '@/parts/change';
import { count } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Panel } from '@/parts/Page';
import { Empty, Query } from '@/parts/States';
import { Sure } from '@/parts/Sure';
import { Table, type Column } from '@/parts/Table';
import { Ago, Badge } from '@/parts/Values';
import { toneOfState } from './upstream';

type Act = Hold | Free;

const WHAT: Record<Act, { title: string; done: string; does: string }> = {
  trip: { title: 'Trip', done: 'tripped', does: 'It gets no calls until that is taken back, or for a time.' },
  drain: {
    title: 'Drain',
    done: 'drained',
    does: 'It gets no new calls; those under way end as they would have. It can be stopped when none is left.',
  },
  reset: { title: 'Reset', done: 'reset', does: 'Every worker forgets what calls have shown: it gets its whole share at once.' },
  restore: { title: 'Restore', done: 'restored', does: 'Takes back what was said by hand; its share grows again as after a rest.' },
};
const LENGTHS = ['10m', '1h', '8h', '24h'];

/** What can be done with an endpoint as it is now. */
export function actsFor({ state, by_hand: held }: Pick<EndpointShown, 'state' | 'by_hand'>): Act[] {
  if (held !== null) return state === 'tripped' ? ['restore', 'reset', 'drain'] : ['restore', 'reset', 'trip'];
  return state === 'well' ? ['drain', 'trip'] : ['reset', 'drain', 'trip'];
}

export function Endpoints({ name }: { name: string }) {
  const endpoints = useEndpoints(name);
  const [chosen, setChosen] = useState<{ act: Act; endpoint: string } | null>(null);
  const mayWrite = useMay('operator');
  return (
    <Panel title="Endpoints" flush>
      <Query of={endpoints} rows={2}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty title="No worker knows an endpoint of it">
              It is either new, and in force in a moment, or the gateway doesn’t run.
            </Empty>
          ) : (
            <Table
              label={`Endpoints of ${name}`}
              columns={columnsOf(mayWrite, (act, endpoint) => setChosen({ act, endpoint }))}
              rows={data.items}
              idOf={({ endpoint }) => endpoint}
            />
          )
        }
      </Query>
      {chosen !== null && <Handle {...chosen} upstream={name} onClose={() => setChosen(null)} />}
    </Panel>
  );
}

function columnsOf(mayWrite: boolean, onAct: (act: Act, endpoint: string) => void): Column<EndpointShown>[] {
  return [
    { name: 'State', cell: ({ state }) => <Badge tone={toneOfState(state)}>{state}</Badge> },
    { name: 'Endpoint', wraps: true, cell: ({ endpoint, listed }) => <Address endpoint={endpoint} isListed={listed} /> },
    { name: 'Why', wraps: true, only: 'medium', cell: (row) => <Why row={row} /> },
    { name: 'Under way', align: 'right', only: 'medium', cell: ({ pending }) => (pending === null ? '–' : count(pending)) },
    { name: 'Failures', align: 'right', only: 'medium', cell: ({ failures }) => (failures === null ? '–' : count(failures)) },
    { name: '', align: 'right', cell: (row) => <Acts row={row} mayWrite={mayWrite} onAct={onAct} /> },
  ];
}

function Address({ endpoint, isListed }: { endpoint: string; isListed: boolean }) {
  return (
    <>
      <span className="mono" title={endpoint}>
        {endpoint}
      </span>
      {!isListed && <span className="dim small"> no longer the upstream’s</span>}
    </>
  );
}

function Why({ row: { reason, until, by_hand: held } }: { row: EndpointShown }) {
  const end = held === null ? until : held.until;
  const words = held === null ? reason : `${held.by}${held.why === '' ? '' : `: ${held.why}`}`;
  if (words === null && end === null) return null;
  return (
    <span className="dim">
      {words}
      {end !== null && (
        <>
          {words === null ? '' : ' · '}ends <Ago at={end} />
        </>
      )}
    </span>
  );
}

function Acts({ row, mayWrite, onAct }: { row: EndpointShown; mayWrite: boolean; onAct: (act: Act, endpoint: string) => void }) {
  return (
    <Menu position="bottom-end" width={280} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon size="sm" disabled={!mayWrite} aria-label={`What to do with ${row.endpoint}`} title={mayWrite ? undefined : 'For operators'}>
          <Icon name="more" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {actsFor(row).map((act) => (
          <Menu.Item key={act} onClick={() => onAct(act, row.endpoint)}>
            {WHAT[act].title}
            <span className="dim small block">{WHAT[act].does}</span>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function Handle({ act, endpoint, upstream, onClose }: { act: Act; endpoint: string; upstream: string; onClose: () => void }) {
  const [length, setLength] = useState('');
  const isHold = act === 'trip' || act === 'drain';
  const handle = useChange({
    change: (why: string) => handleEndpoint({ act, upstream, endpoint, length, why }),
    said: () => `${endpoint} is ${WHAT[act].done}.`,
    refreshes: ['endpoints', 'status', 'events'],
    onDone: onClose,
  });
  return (
    <Sure
      title={`${WHAT[act].title} an endpoint`}
      act={WHAT[act].title}
      isDangerous={act === 'trip'}
      isPending={handle.isPending}
      error={handle.error}
      onClose={onClose}
      onSure={(why) => handle.mutate(why)}
    >
      <p>
        <code className="break">{endpoint}</code>
      </p>
      <p className="dim">{WHAT[act].does}</p>
      {isHold && (
        <NativeSelect
          label="For how long"
          value={length}
          onChange={(event) => setLength(event.currentTarget.value)}
          data={[{ value: '', label: 'until it is restored' }, ...LENGTHS]}
        />
      )}
    </Sure>
  );
}
