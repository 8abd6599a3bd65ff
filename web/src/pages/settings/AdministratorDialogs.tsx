/** The dialogs in which administrators are made, changed and removed. */

import { Button, Modal, NativeSelect, PasswordInput, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Role } from '@/api/session';
import { asProblem } from '@/api/problem';
import { useChange } from '@/parts/change';
import { Failure } from '@/parts/States';
import { Sure } from '@/parts/Sure';
import {
  changeAdministrator, describeRole, faultOfPassword, makeAdministrator, patchOf, removeAdministrator, ROLES, type Administrator,
} from './people'; // prettier-ignore

const REFRESHES = ['administrators', 'tokens', 'revisions', 'records'];

export function MakeAdministrator({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [password, setPassword] = useState('');
  const make = useChange({
    change: () => makeAdministrator({ name: name.trim(), role, ...(password === '' ? {} : { password }) }),
    said: () => `${name.trim()} may log in now.`,
    refreshes: REFRESHES,
    onDone: onClose,
  });
  const faults = make.isError ? asProblem(make.error).byField : {};
  const fault = faultOfPassword(password);
  return (
    <Modal opened onClose={onClose} title="Add an administrator">
      <form
        className="stack"
        autoComplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate(undefined);
        }}
      >
        <TextInput
          label="Name"
          description="Letters a-z, digits and ._@-"
          required
          withAsterisk={false}
          maxLength={63}
          data-autofocus
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          error={faults['name']}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <RoleSelect role={role} onChange={setRole} />
        <PasswordInput
          label="Password"
          size="xs"
          description="Without one they log in with a token, which you make for them."
          autoComplete="new-password"
          maxLength={1024}
          error={fault ?? faults['password']}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        {make.isError && <Failure error={make.error} />}
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={make.isPending} disabled={name.trim() === '' || fault !== null}>
            Add
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function RoleSelect({ role, onChange, disabled = false }: { role: Role; onChange: (role: Role) => void; disabled?: boolean }) {
  return (
    <NativeSelect
      label="Role"
      description={`${ROLES.find(({ value }) => value === role)?.label ?? role}: ${describeRole(role)}.`}
      value={role}
      disabled={disabled}
      onChange={(event) => onChange(event.currentTarget.value as Role)}
      data={ROLES.map(({ value, label }) => ({ value, label }))}
    />
  );
}

export function ChangeAdministrator({ of, isSelf, onClose }: { of: Administrator; isSelf: boolean; onClose: () => void }) {
  const [role, setRole] = useState<Role>(of.role);
  const [isDisabled, setDisabled] = useState(of.disabled);
  const [password, setPassword] = useState('');
  const patch = patchOf(of, role, isDisabled, password);
  const fault = faultOfPassword(password);
  const change = useChange({
    change: (why: string) => changeAdministrator(of, patch, why),
    said: () => `${of.name} is changed. Their sessions have ended.`,
    refreshes: [...REFRESHES, 'session'],
    onDone: onClose,
  });
  return (
    <Sure
      title={`Change ${of.name}`}
      act="Save"
      isPending={change.isPending}
      isBlocked={fault !== null || Object.keys(patch).length === 0}
      error={change.error}
      onClose={onClose}
      onSure={(why) => change.mutate(why)}
    >
      <p className="dim">Each of these ends {isSelf ? 'your' : 'their'} sessions.{isSelf && ' You will have to log in again.'}</p>
      <RoleSelect role={role} onChange={setRole} />
      <Switch
        label="Disabled"
        description="Neither password nor tokens let them in."
        checked={isDisabled}
        disabled={isSelf && !of.disabled}
        onChange={(event) => setDisabled(event.currentTarget.checked)}
      />
      <PasswordInput
        label="New password"
        size="xs"
        description={of.has_password ? 'It takes the place of the one they have.' : 'They have none yet.'}
        autoComplete="new-password"
        maxLength={1024}
        error={fault}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
    </Sure>
  );
}

export function RemoveAdministrator({ of, onClose }: { of: Administrator; onClose: () => void }) {
  const remove = useChange({
    change: (why: string) => removeAdministrator(of, why),
    said: () => `${of.name} is removed.`,
    refreshes: REFRESHES,
    onDone: onClose,
  });
  return (
    <Sure
      title={`Remove ${of.name}?`}
      act="Remove"
      isDangerous
      isPending={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onSure={(why) => remove.mutate(why)}
    >
      <p>Their tokens and sessions end at once. What they have done stays in the audit trail.</p>
    </Sure>
  );
}
