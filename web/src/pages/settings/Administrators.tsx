/** Who may log in, and what they may do. */

import { Button } from '@mantine/core';
import { useState } from 'react';
import { useMay, useSession } from '@/api/session';
import { Icon } from '@/parts/Icon';
import { Panel } from '@/parts/Page';
import { Empty, Query } from '@/parts/States';
import { Table, type Column } from '@/parts/Table';
import { Ago, Badge } from '@/parts/Values';
import { ChangeAdministrator, MakeAdministrator, RemoveAdministrator } from './AdministratorDialogs';
import { useAdministrators, type Administrator } from './people';

type Dialog = { kind: 'make' } | { kind: 'change' | 'remove'; of: Administrator };

export function Administrators() {
  const isAllowed = useMay('administrator');
  const session = useSession();
  const administrators = useAdministrators(isAllowed);
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const close = (): void => setDialog(null);
  if (!isAllowed) {
    return (
      <Panel>
        <Empty title="Only administrators see who else may log in">
          Your role is {session.data?.role ?? 'lower'}. Your own tokens and password are under the other tabs.
        </Empty>
      </Panel>
    );
  }
  return (
    <Panel
      flush
      title="Who may log in"
      side={
        <Button leftSection={<Icon name="plus" size={14} />} onClick={() => setDialog({ kind: 'make' })}>
          Add
        </Button>
      }
    >
      <Query of={administrators} rows={4}>
        {(items) => (
          <Table
            label="Administrators"
            columns={columnsOf(session.data?.administrator ?? '', setDialog)}
            rows={items}
            idOf={({ name }) => name}
          />
        )}
      </Query>
      {dialog?.kind === 'make' && <MakeAdministrator onClose={close} />}
      {dialog?.kind === 'change' && <ChangeAdministrator of={dialog.of} isSelf={dialog.of.name === session.data?.administrator} onClose={close} />}
      {dialog?.kind === 'remove' && <RemoveAdministrator of={dialog.of} onClose={close} />}
    </Panel>
  );
}

function columnsOf(self: string, open: (dialog: Dialog) => void): Column<Administrator>[] {
  return [
    {
      name: 'Name',
      cell: ({ name, role, disabled }) => (
        <span>
          <b className="strong">{name}</b>
          {name === self && <span className="dim"> (you)</span>}
          <span className="narrow-only dim small">
            {role}
            {disabled && ', disabled'}
          </span>
        </span>
      ),
    },
    { name: 'Role', grow: true, only: 'medium', cell: ({ role }) => role },
    { name: 'State', only: 'medium', cell: ({ disabled }) => (disabled ? <Badge tone="warn">disabled</Badge> : <Badge tone="good">active</Badge>) },
    { name: 'Logs in with', only: 'medium', cell: ({ has_password }) => (has_password ? 'a password or a token' : 'a token') },
    { name: 'Made', only: 'wide', cell: ({ created_at }) => <Ago at={created_at} /> },
    {
      name: '',
      align: 'right',
      cell: (of) => (
        <span className="row-acts">
          <Button variant="default" size="compact-xs" aria-label={`Change ${of.name}`} onClick={() => open({ kind: 'change', of })}>
            Change
          </Button>
          <Button
            variant="default"
            size="compact-xs"
            aria-label={`Remove ${of.name}`}
            disabled={of.name === self}
            title={of.name === self ? 'Somebody else has to remove you' : undefined}
            onClick={() => open({ kind: 'remove', of })}
          >
            Remove
          </Button>
        </span>
      ),
    },
  ];
}
