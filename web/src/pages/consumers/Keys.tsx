/** The keys of a consumer: making, rotating and revoking them. */

import { ActionIcon, Button, Menu } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { useKeys, type KeyShown, type NewKey, type ObjectShown } from '@/api/objects';
import { useMay } from '@/api/session';
import { textOf, type Members } from '@/form/json';
import { exchangesWith } from '@/parts/address';
import { Icon } from '@/parts/Icon';
import { Panel } from '@/parts/Page';
import { Empty, Query } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';
import { Ago, Badge } from '@/parts/Values';
import { replacementOf, sorted, toneOfKey, writtenKeys } from './key';
import { MakeKey, RevokeKey, RotateKey, ShowKey } from './KeyDialogs';

type Dialog = { kind: 'make' } | { kind: 'rotate' | 'revoke'; key: KeyShown } | { kind: 'show'; key: NewKey };

export function Keys({ consumer }: { consumer: ObjectShown }) {
  const keys = useKeys(consumer.name);
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const mayWrite = useMay('operator');
  const close = (): void => setDialog(null);
  const show = (key: NewKey): void => setDialog({ kind: 'show', key });
  const written = writtenKeys(consumer.data);
  const make = (
    <Button
      size="compact-xs"
      variant="default"
      leftSection={<Icon name="plus" size={12} />}
      disabled={!mayWrite}
      title={mayWrite ? undefined : 'Operators make keys'}
      onClick={() => setDialog({ kind: 'make' })}
    >
      New key
    </Button>
  );
  return (
    <Panel title="Keys" flush side={make}>
      <Query of={keys} rows={2}>
        {(items) => (
          <>
            {items.length === 0 && written.length === 0 && (
              <Empty title="It has no key" action={make}>
                A key is what the application shows Exeat. It is shown once, when it is made.
              </Empty>
            )}
            {items.length > 0 && (
              <Table
                label={`Keys of ${consumer.name}`}
                columns={columnsOf(items, mayWrite, setDialog)}
                rows={sorted(items)}
                idOf={({ id }) => id}
              />
            )}
            {written.map((key, number) => (
              <p key={number} className="panel-line">
                <Icon name="lock" size={13} />{' '}
                <Link href={exchangesWith({ key: idOf(key), since: '24h' })} title="Its exchanges">
                  <code>{idOf(key)}</code>
                </Link>{' '}
                <span className="dim">
                  is written in {consumer.source.startsWith('file ') ? 'the ' : ''}
                  {consumer.source}
                  {key['revoked'] === true ? ', revoked' : ''}
                  {typeof key['expires'] === 'string' ? `, until ${key['expires']}` : ''}
                </span>
              </p>
            ))}
          </>
        )}
      </Query>
      {dialog?.kind === 'make' && <MakeKey consumer={consumer.name} onClose={close} onMade={show} />}
      {dialog?.kind === 'rotate' && <RotateKey of={dialog.key} onClose={close} onMade={show} />}
      {dialog?.kind === 'revoke' && <RevokeKey of={dialog.key} onClose={close} />}
      {dialog?.kind === 'show' && <ShowKey of={dialog.key} consumer={consumer} onClose={close} />}
    </Panel>
  );
}

/** As records call it: without an id of its own, by the beginning of its digest. */
function idOf(key: Members): string {
  return typeof key['id'] === 'string' && key['id'] !== '' ? key['id'] : textOf(key['sha256']).slice(0, 12);
}

function columnsOf(all: KeyShown[], mayWrite: boolean, onAct: (dialog: Dialog) => void): Column<KeyShown>[] {
  return [
    { name: 'State', cell: (key) => <Badge tone={toneOfKey(key, Date.now())}>{key.state}</Badge> },
    {
      name: 'Key',
      grow: true,
      cell: (key) => (
        <>
          <Link href={exchangesWith({ key: key.id, since: '24h' })} title="Its exchanges">
            <code>{key.id}</code>
          </Link>{' '}
          {key.label}
        </>
      ),
    },
    { name: 'Made', only: 'wide', cell: (key) => <Made of={key} /> },
    { name: 'Last used', only: 'medium', cell: (key) => <Ago at={key.last_used_at} /> },
    { name: 'Ends', only: 'medium', cell: (key) => <Ends of={key} all={all} /> },
    { name: '', align: 'right', cell: (key) => (key.state === 'active' ? <Acts of={key} mayWrite={mayWrite} onAct={onAct} /> : null) },
  ];
}

function Made({ of: { created_at: at, created_by: by } }: { of: KeyShown }) {
  return (
    <>
      <Ago at={at} /> <span className="dim">by {by}</span>
    </>
  );
}

function Ends({ of, all }: { of: KeyShown; all: KeyShown[] }) {
  if (of.state === 'revoked') return <span className="dim">revoked <Ago at={of.revoked_at} /></span>;
  if (of.expires_at === null) return <span className="dim">never</span>;
  const next = replacementOf(of, all);
  return (
    <>
      <Ago at={of.expires_at} />
      {next !== undefined && <span className="dim">, replaced by <code>{next.id}</code></span>}
    </>
  );
}

function Acts({ of, mayWrite, onAct }: { of: KeyShown; mayWrite: boolean; onAct: (dialog: Dialog) => void }) {
  return (
    <Menu position="bottom-end" width={260} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon size="sm" disabled={!mayWrite} aria-label={`What to do with the key ${of.id}`} title={mayWrite ? undefined : 'For operators'}>
          <Icon name="more" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => onAct({ kind: 'rotate', key: of })}>
          Rotate
          <span className="dim small block">A new key in its place; this one works on for a time.</span>
        </Menu.Item>
        <Menu.Item className="toned" data-tone="bad" onClick={() => onAct({ kind: 'revoke', key: of })}>
          Revoke
          <span className="dim small block">Calls with it are refused within a second.</span>
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
