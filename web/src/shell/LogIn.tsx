/** The log-in: a name and a password, or a token. */

import { Button, PasswordInput, SegmentedControl, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, type SyntheticEvent } from 'react';
import { begin, logIn, useIsExpired } from '@/api/session';
import { Failure } from '@/parts/States';
import { Mark } from './Mark';

type Way = 'password' | 'token';

export function LogIn() {
  const [way, setWay] = useState<Way>('token');
  const [name, setName] = useState('admin');
  const [secret, setSecret] = useState('');
  const isExpired = useIsExpired();
  const client = useQueryClient();
  const attempt = useMutation({
    meta: { isLogIn: true },
    mutationFn: () => logIn(way === 'token' ? { token: secret.trim() } : { name: name.trim(), password: secret }),
    onSuccess: (session) => begin(client, session),
    onError: () => setSecret(''),
  });
  useEffect(() => {
    document.title = 'Log in · Exeat';
  }, []);

  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    attempt.mutate();
  };
  return (
    <main className="alone">
      <form className="log-in" onSubmit={submit} aria-label="Log in">
        <h1 className="log-in-head">
          <Mark /> Exeat
        </h1>
        {isExpired && (
          <div className="notice small" data-tone="warn" role="status">
            Your session has ended. Log in again to go on where you were.
          </div>
        )}
        <SegmentedControl
          fullWidth
          aria-label="How to log in"
          value={way}
          onChange={(value) => {
            setWay(value);
            setSecret('');
          }}
          data={[
            { value: 'token', label: 'With a token' },
            { value: 'password', label: 'With a password' },
          ]}
        />
        {way === 'password' && (
          <TextInput
            label="Name"
            size="sm"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
            withAsterisk={false}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
        )}
        <PasswordInput
          key={way}
          label={way === 'token' ? 'Token' : 'Password'}
          placeholder={way === 'token' ? 'exeat_admin_…' : ''}
          autoComplete={way === 'token' ? 'off' : 'current-password'}
          required
          withAsterisk={false}
          autoFocus
          value={secret}
          onChange={(event) => setSecret(event.currentTarget.value)}
        />
        {attempt.isError && <Failure error={attempt.error} />}
        <Button type="submit" size="sm" fullWidth loading={attempt.isPending} disabled={secret === ''}>
          Log in
        </Button>
        <p className="dim small">
          The first start made the administrator <b>admin</b> and printed its token once; started as a service, it wrote the
          token into the file <code>admin-token</code> in its data directory. <code>exeat admin password admin</code> sets a
          password.
        </p>
      </form>
    </main>
  );
}
