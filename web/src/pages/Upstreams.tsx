/** Upstreams: the list, one of them, and a new one. */

import { Route, Switch } from 'wouter';
import { useParameter } from '@/parts/address';
import { AddUpstream } from './upstreams/AddUpstream';
import { UpstreamList } from './upstreams/UpstreamList';
import { UpstreamPage } from './upstreams/UpstreamPage';
import './set.css';

export default function Upstreams() {
  const [add] = useParameter('add');
  return (
    <Switch>
      <Route path="/upstreams/:name">{({ name }) => <UpstreamPage key={name} name={name} />}</Route>
      <Route>{add === '' ? <UpstreamList /> : <AddUpstream way={add} />}</Route>
    </Switch>
  );
}
