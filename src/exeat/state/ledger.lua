-- Answers questions about shared limits, as state/memory.py does: one call for all that one process asks of one server.
--
-- KEYS are entries. ARGV[1] is JSON: a list of questions, each {what, which key, holder, …}, see redis_script.py. What
-- is returned is JSON, too: [seconds, microseconds, [reply to each question]]; null where an entry can't be read.
--
-- Rule 1: the time is this server's own.
-- Rule 2: numbers here are doubles, whole up to 2^53. What may be larger is a pair: high * 10^9 + low, where low is
-- from 0 to 10^9 - 1; times are pairs of seconds and nanoseconds. So nothing is rounded.
-- Rule 3: nothing is written before everything is answered: a call that fails has changed nothing.
-- Rule 4: every entry ends by itself, when what it says doesn't matter any more.

local BASE = 1e9
local PLENTY = 8 -- no more than this part of the room is granted beyond the need
local SLICES_LIMIT = 200 -- of one rate: what came first can't be returned any more
local HOLDER_S = 10 -- who isn't heard of for so long has gone, and keeps nothing idle for so long
local WAITING_S = 2 -- for which an instance that got too little is told of what comes back
local SOON_NS = 1e7 -- a rate that has more so soon isn't called back from others
local PERMITS_MS = 15000
local REGISTER_MS = 86400000
local RATE_MS = 1000 -- beyond the time at which a rate is at rest
local floor = math.floor

-- Pairs

local function add(ah, al, bh, bl)
  local high, low = ah + bh, al + bl
  if low >= BASE then return high + 1, low - BASE end
  return high, low
end

local function sub(ah, al, bh, bl)
  local high, low = ah - bh, al - bl
  if low < 0 then return high - 1, low + BASE end
  return high, low
end

local function less(ah, al, bh, bl)
  return ah < bh or (ah == bh and al < bl)
end

local function larger(ah, al, bh, bl)
  if less(ah, al, bh, bl) then return bh, bl end
  return ah, al
end

local function smaller(ah, al, bh, bl)
  if less(ah, al, bh, bl) then return ah, al end
  return bh, bl
end

local function pair(number)
  return floor(number / BASE), number % BASE
end

-- A pair, `count` times; count is at most 10^9, and each product below stays under 2^53.
local function times(high, low, count)
  local many = floor(count / 1e5)
  local tens = low * many
  local rest = low * (count - many * 1e5) + (tens % 1e4) * 1e5
  return high * count + floor(tens / 1e4) + floor(rest / BASE), rest % BASE
end

-- Time

local time = redis.call('TIME')
local now_s, now_us = tonumber(time[1]), tonumber(time[2])
local nh, nl = now_s, now_us * 1000

-- Entries

local entries = {}

local function entry_of(number, kind)
  local entry = entries[number]
  if entry then return entry end
  entry = {}
  entries[number] = entry
  local raw = redis.pcall('GET', KEYS[number])
  if raw == false then
    entry.state = {k = kind, m = {}}
  elseif type(raw) == 'string' then
    local whole, state = pcall(cmsgpack.unpack, raw)
    if whole and type(state) == 'table' and state.k == kind then entry.state = state end
  end
  return entry
end

-- How much of a room somebody gets who asks by `q`.
local function granted(rh, rl, q, wh, wl)
  if less(rh, rl, q[6], q[7]) then return 0, 0 end
  if not less(q[4], q[5], rh, rl) then return rh, rl end
  local eh, el = floor(rh / PLENTY), floor(((rh % PLENTY) * BASE + rl) / PLENTY)
  return larger(q[4], q[5], smaller(wh, wl, eh, el))
end

-- What other instances have to be told: {key, holder, serial}, where the holder is '' if there is more for all of them.
local told = {}

local function tell(instance, key, holder, serial)
  told[instance] = told[instance] or {}
  table.insert(told[instance], {key, holder, serial})
end

local function instance_of(holder)
  return string.match(holder, '^%x+')
end

-- Who else may have more than it needs, where there is less than is needed; and note that the holder may, until a time:
-- m is {until, serial} by holder, n the serial of the last grant, w until when an instance that got too little waits.
local function look_around(q, state, gh, gl, uh, ul, soon)
  local holder, idle, found = q[3], state.m, {}
  local instance = instance_of(holder)
  if gh > 0 or gl > 0 then
    state.n = (state.n or 0) + 1
    idle[holder] = {uh, ul, state.n}
  end
  local enough = soon or not less(gh, gl, q[4], q[5])
  for other, till in pairs(idle) do
    if not less(nh, nl, till[1], till[2]) then
      idle[other] = nil
    elseif not enough and other ~= holder then
      found[#found + 1] = string.format('%s:%.0f', other, till[3])
      if instance and instance_of(other) ~= instance then tell(instance_of(other), KEYS[q[2]], other, till[3]) end
    end
  end
  if not enough and instance then
    state.w = state.w or {}
    state.w[instance] = now_s + WAITING_S
  end
  return found
end

-- What a holder says by giving: that it has answered a recall; and whoever waits is told that there may be more.
local function hear(q, state, serial)
  local holder = q[3]
  local lent = state.m[holder]
  if lent and lent[3] == serial then state.m[holder] = nil end
  if not state.w then return end
  for instance, till in pairs(state.w) do
    if instance ~= instance_of(holder) and till > now_s then tell(instance, KEYS[q[2]], '', 0) end
  end
  state.w = nil
end

local function reply(gh, gl, rh, rl, ah, al, found)
  local text = string.format('[%.0f,%.0f,%.0f,%.0f,%.0f,%.0f', gh, gl, rh, rl, ah, al)
  for _, other in ipairs(found) do text = text .. ',"' .. other .. '"' end
  return text .. ']'
end

-- Rates: th, tl is when all is at rest again; ih, il the interval; s the slices {holder, amount, floor} in their order.

local function charge_rate(state, ah, al, count)
  local ch, cl = times(state.ih, state.il, count)
  state.th, state.tl = add(ch, cl, larger(state.th, state.tl, ah, al))
  for _, slice in ipairs(state.s) do
    slice[3], slice[4] = add(ch, cl, larger(slice[3], slice[4], ah, al))
  end
end

-- How many may pass at once; the quotient of doubles is off by one at most.
local function remaining(state, burst)
  if not less(nh, nl, state.th, state.tl) then return burst end
  local ah, al = sub(state.th, state.tl, nh, nl)
  local mh, ml = times(state.ih, state.il, burst)
  if not less(ah, al, mh, ml) then return 0 end
  local used = floor((ah * BASE + al) / (state.ih * BASE + state.il))
  mh, ml = times(state.ih, state.il, used)
  while less(mh, ml, ah, al) do
    used = used + 1
    mh, ml = add(mh, ml, state.ih, state.il)
  end
  while used > 0 do
    mh, ml = sub(mh, ml, state.ih, state.il)
    if less(mh, ml, ah, al) then break end
    used = used - 1
  end
  return burst - used
end

-- Forget the slices of which nothing can be returned.
local function prune(state)
  local kept = {}
  for _, slice in ipairs(state.s) do
    if slice[2] > 0 and less(slice[3], slice[4], state.th, state.tl) then kept[#kept + 1] = slice end
  end
  while #kept > SLICES_LIMIT do table.remove(kept, 1) end
  state.s = kept
end

local function save_rate(entry)
  local state = entry.state
  prune(state)
  local lh, ll = larger(0, 0, sub(state.th, state.tl, nh, nl))
  entry.life = lh * 1000 + floor(ll / 1e6) + RATE_MS
end

local function open_rate(entry)
  local state = entry.state
  if not state.th then state.th, state.tl, state.s = 0, 0, {} end
  if not less(nh, nl, state.th, state.tl) then state.s = {} end
  return state
end

local function take_rate(q, entry)
  local state, burst, life = open_rate(entry), q[10], q[13]
  state.ih, state.il = q[11], q[12]
  local room = remaining(state, burst)
  local rh, rl = pair(room)
  local gh, gl
  if life > 0 then gh, gl = granted(rh, rl, q, q[8], q[9]) else gh, gl = granted(rh, rl, q, q[4], q[5]) end
  local count = gh * BASE + gl
  if count > 0 then
    for place, slice in ipairs(state.s) do
      if slice[1] == q[3] then
        table.remove(state.s, place)
        break
      end
    end
    local first = math.min(count, q[4] * BASE + q[5])
    charge_rate(state, nh, nl, first)
    if count > first then
      local uh, ul = add(nh, nl, 0, life)
      charge_rate(state, uh, ul, count - first)
    end
    state.s[#state.s + 1] = {q[3], count, 0, 0}
  end
  local mh, ml = times(state.ih, state.il, burst - math.min(q[6] * BASE + q[7], burst))
  local ah, al = sub(state.th, state.tl, mh, ml)
  ah, al = larger(0, 0, sub(ah, al, nh, nl))
  local uh, ul = add(nh, nl, 0, 1e8)
  local found = look_around(q, state, gh, gl, uh, ul, ah == 0 and al <= SOON_NS)
  save_rate(entry)
  rh, rl = sub(rh, rl, gh, gl)
  return reply(gh, gl, rh, rl, ah, al, found)
end

local function give_rate(q, entry)
  local state = open_rate(entry)
  hear(q, state, q[6])
  local place
  for number, slice in ipairs(state.s) do
    if slice[1] == q[3] then place = number end
  end
  if not place then
    if state.ih then save_rate(entry) end
    return
  end
  local slice = state.s[place]
  local count = math.min(q[4] * BASE + q[5], slice[2])
  slice[2] = slice[2] - count
  local ch, cl = times(state.ih, state.il, count)
  for number = 1, place - 1 do
    local other = state.s[number]
    local fh, fl = sub(other[3], other[4], ch, cl)
    other[3], other[4] = larger(slice[3], slice[4], fh, fl)
  end
  local th, tl = sub(state.th, state.tl, ch, cl)
  state.th, state.tl = larger(slice[3], slice[4], th, tl)
  save_rate(entry)
end

-- Windows: uh, ul is what is used; ah, al what there is in all, once somebody has said so; t the mark that was told
-- last. A reply tells of each mark that is passed: [percent, used, amount], which nobody is told again.

local MARKS = {80, 100}

local function marks(state, short)
  local text = ''
  if not state.ah then return text end
  for place, percent in ipairs(MARKS) do
    local uh, ul = times(state.uh, state.ul, 100)
    local mh, ml = times(state.ah, state.al, percent)
    local passed = not less(uh, ul, mh, ml) or (short and place == #MARKS)
    if passed and (state.t or 0) < percent then
      state.t = percent
      text = text .. string.format(',[%.0f,%.0f,%.0f,%.0f,%.0f]', percent, state.uh, state.ul, state.ah, state.al)
    end
  end
  return text
end

local function open_window(entry)
  local state = entry.state
  if not state.uh then state.uh, state.ul = 0, 0 end
  return state
end

local function take_window(q, entry)
  local state = open_window(entry)
  local rh, rl = larger(0, 0, sub(q[10], q[11], state.uh, state.ul))
  local gh, gl = granted(rh, rl, q, q[8], q[9])
  state.uh, state.ul = add(state.uh, state.ul, gh, gl)
  local found = look_around(q, state, gh, gl, nh + HOLDER_S, nl, false)
  entry.life = q[12]
  state.ah, state.al = q[10], q[11]
  local told = marks(state, less(rh, rl, q[6], q[7]) and #found == 0)
  rh, rl = sub(rh, rl, gh, gl)
  return string.sub(reply(gh, gl, rh, rl, 0, 0, found), 1, -2) .. told .. ']'
end

local function give_window(q, entry)
  local state = entry.state
  if not state.uh then return end
  hear(q, state, q[6])
  state.uh, state.ul = larger(0, 0, sub(state.uh, state.ul, q[4], q[5]))
  entry.life = entry.life or 'kept'
end

local function charge_window(q, entry)
  local state = open_window(entry)
  state.uh, state.ul = add(state.uh, state.ul, q[4], q[5])
  entry.life = q[6]
  return '[' .. string.sub(marks(state, false), 2) .. ']'
end

-- Permits: p is what each holder has, and when it was heard of.

local function open_permits(entry)
  local state = entry.state
  if not state.p then state.p = {} end
  for holder, held in pairs(state.p) do
    if held[1] <= 0 or held[2] + HOLDER_S < now_s then
      state.p[holder] = nil
      state.m[holder] = nil
    end
  end
  return state
end

local function take_permits(q, entry)
  local state, sum = open_permits(entry), 0
  for _, held in pairs(state.p) do sum = sum + held[1] end
  local rh, rl = pair(math.max(0, q[10] * BASE + q[11] - sum))
  local gh, gl = granted(rh, rl, q, q[8], q[9])
  local count = gh * BASE + gl
  if count > 0 then
    local held = state.p[q[3]] or {0, now_s}
    state.p[q[3]] = {held[1] + count, now_s}
  end
  local found = look_around(q, state, gh, gl, nh + HOLDER_S, nl, false)
  entry.life = PERMITS_MS
  rh, rl = sub(rh, rl, gh, gl)
  return reply(gh, gl, rh, rl, 0, 0, found)
end

local function give_permits(q, entry)
  local state = open_permits(entry)
  hear(q, state, q[6])
  local held = state.p[q[3]]
  if held then held[1] = math.max(0, held[1] - (q[4] * BASE + q[5])) end
  entry.life = PERMITS_MS
end

local function hold_permits(q, entry)
  local state, count = open_permits(entry), q[4] * BASE + q[5]
  if count > 0 then
    state.p[q[3]] = {count, now_s}
  else
    hear(q, state, 0)
    state.p[q[3]], state.m[q[3]] = nil, nil
  end
  entry.life = PERMITS_MS
end

-- The register of instances; b is when it was begun.

local function note_instance(q, entry)
  local state, count = entry.state, 0
  if not state.b then state.b, state.i = {now_s, now_us}, {} end
  state.i[q[3]] = now_s
  for instance, seen in pairs(state.i) do
    if seen + HOLDER_S < now_s then state.i[instance] = nil else count = count + 1 end
  end
  entry.life = REGISTER_MS
  return string.format('[%.0f,%.0f,%.0f]', count, state.b[1], state.b[2])
end

local ANSWER = {
  r = {'r', take_rate}, w = {'w', take_window}, p = {'p', take_permits},
  gr = {'r', give_rate}, gw = {'w', give_window}, gp = {'p', give_permits},
  c = {'w', charge_window}, h = {'p', hold_permits}, i = {'i', note_instance},
}

local replies = {}
for place, q in ipairs(cjson.decode(ARGV[1])) do
  local what = ANSWER[q[1]]
  local entry = entry_of(q[2], what[1])
  replies[place] = entry.state and (what[2](q, entry) or '[]') or 'null'
end
for number, entry in pairs(entries) do
  if entry.life == 'kept' then
    redis.call('SET', KEYS[number], cmsgpack.pack(entry.state), 'KEEPTTL')
  elseif entry.life then
    redis.call('SET', KEYS[number], cmsgpack.pack(entry.state), 'PX', string.format('%.0f', entry.life))
  end
end
for instance, words in pairs(told) do
  redis.pcall('PUBLISH', 'exeat:recall:' .. instance, cjson.encode(words))
end
return string.format('[%.0f,%.0f,[%s]]', now_s, now_us, table.concat(replies, ','))
