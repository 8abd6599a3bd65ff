/** Who isn't logged in sees the log-in; everybody else the page of the address. */

import { Router } from 'wouter';
import { useSession } from '@/api/session';
import { Failed, Loading } from '@/parts/States';
import { askFirst } from '@/parts/unsaved';
import { LogIn } from './LogIn';
import { Shell } from './Shell';

export function App() {
  const session = useSession();
  if (session.isPending) {
    return (
      <main className="alone">
        <Loading rows={3} />
      </main>
    );
  }
  if (session.isError && session.data === undefined) {
    return (
      <main className="alone">
        <Failed error={session.error} retry={() => void session.refetch()} />
      </main>
    );
  }
  if (session.data == null) return <LogIn />;
  return (
    <Router aroundNav={askFirst}>
      <Shell session={session.data} />
    </Router>
  );
}
