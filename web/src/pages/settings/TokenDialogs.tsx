/** The dialogs of tokens. A token is shown once, and is forgotten when its dialog is closed. */

import { Button, Modal, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useMay, type Role, type Session } from '@/api/session';
import { useChange } from '@/parts/change';
import { ShownOnce } from '@/parts/ShownOnce';
import { Failure } from '@/parts/States';
import { Code } from '@/parts/Values';
import { describeRole, makeToken, rolesUpTo, useAdministrators, type NewToken } from './people';

const LENGTHS = [
  { value: '1d', label: 'in a day' },
  { value: '30d', label: 'in 30 days' },
  { value: '90d', label: 'in 90 days' },
  { value: '365d', label: 'in a year' },
  { value: '', label: 'never' },
];

interface Props {
  session: Session;
  onClose: () => void;
  onMade: (token: NewToken) => void;
}

export function MakeToken({ session, onClose, onMade }: Props) {
  const seesAll = useMay('administrator');
  const administrators = useAdministrators(seesAll);
  const [label, setLabel] = useState('');
  const [whose, setWhose] = useState(session.administrator);
  const [role, setRole] = useState<Role>(session.role);
  const [length, setLength] = useState('90d');
  const others = (administrators.data ?? []).filter(({ disabled }) => !disabled);
  const most = others.find(({ name }) => name === whose)?.role ?? session.role;
  const roles = rolesUpTo(most);
  const chosen = roles.some(({ value }) => value === role) ? role : most;
  const make = useChange({
    change: () =>
      makeToken({
        label: label.trim(),
        role: chosen,
        ...(whose === session.administrator ? {} : { administrator: whose }),
        ...(length === '' ? {} : { expires_in: length }),
      }),
    refreshes: ['tokens', 'revisions', 'records'],
    onDone: onMade,
  });
  return (
    <Modal opened onClose={onClose} title="Make a token">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate(undefined);
        }}
      >
        <TextInput
          label="Label"
          description="What it is for."
          placeholder="deployments"
          maxLength={200}
          data-autofocus
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
        />
        {seesAll && others.length > 1 && (
          <NativeSelect
            label="Of"
            value={whose}
            onChange={(event) => setWhose(event.currentTarget.value)}
            data={others.map(({ name }) => ({ value: name, label: name === session.administrator ? `${name} (you)` : name }))}
          />
        )}
        <NativeSelect
          label="Role"
          description={`It ${describeRole(chosen)}.`}
          value={chosen}
          onChange={(event) => setRole(event.currentTarget.value as Role)}
          data={roles.map(({ value, label: name }) => ({ value, label: name }))}
        />
        <NativeSelect label="It ends" value={length} onChange={(event) => setLength(event.currentTarget.value)} data={LENGTHS} />
        {make.isError && <Failure error={make.error} />}
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={make.isPending}>
            Make the token
          </Button>
        </div>
      </form>
    </Modal>
  );
}

export function ShowToken({ of, onClose }: { of: NewToken; onClose: () => void }) {
  return (
    <ShownOnce title="The new token" what="token" value={of.token} onClose={onClose}>
      <div>
        <p className="dim small">A question with it, to this control listener:</p>
        <Code
          label="A question with the token"
          text={`export EXEAT_CONTROL_TOKEN=…\ncurl -H "Authorization: Bearer $EXEAT_CONTROL_TOKEN" ${window.location.origin}/api/v1/session`}
        />
      </div>
    </ShownOnce>
  );
}
