import { SETTLED_MEMORY_MS } from '../../quota/quota-ledger.port.js';
import { SLIDING_WINDOWS } from './sliding-window-lua.js';

/** Sets `now` to the server's time in milliseconds. */
export const SERVER_TIME = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * KEYS: windows, open reservations, the reservation, marks. ARGV: `ask` or `record`, id, ms to live, age in ms, DAYS,
 * limit of concurrent calls or nothing, then bucket, limit and amount for each that counts.
 * Answers 1, or `{ now, time of windows, { bucket, step in which it fits }…, { mark, until, why }…, time at which a
 * place is free or 0 }`.
 */
const RESERVE = `
if record_of(KEYS[3]) then return 1 end
local asks = ARGV[1] == 'ask'
local buckets = {}
for i = 7, #ARGV, 3 do buckets[#buckets + 1] = tonumber(ARGV[i]) end
local windows = load(buckets, ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now))
if asks then
  local full, marks, place = {}, {}, 0
  for i, w in ipairs(windows) do
    local limit, amount = tonumber(ARGV[5 + 3 * i]), tonumber(ARGV[6 + 3 * i])
    if w.debt > 0 then set_limit(w, limit) end
    if w.used + w.debt + amount > limit then full[#full + 1] = { w.bucket, step_to_fit(w, amount, limit) } end
  end
  local marked = redis.call('HGETALL', KEYS[4])
  for i = 1, #marked, 2 do
    local ends, why = string.match(marked[i + 1], '^(%d+);(.*)$')
    if tonumber(ends) > now then marks[#marks + 1] = { marked[i], tonumber(ends), why } end
  end
  if ARGV[6] ~= '' and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then
    place = tonumber(redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2] or -1)
  end
  if #full > 0 or #marks > 0 or place ~= 0 then
    save(windows)
    return { now, effective, full, marks, place }
  end
end
local ends = now + tonumber(ARGV[3])
local age = tonumber(ARGV[4])
local charges = {}
for i, w in ipairs(windows) do
  local step = w.head - (step_of(w.bucket, 0) - step_of(w.bucket, age))
  set_limit(w, tonumber(ARGV[5 + 3 * i]))
  if holds(w, step) then
    put(w, step % w.steps, tonumber(ARGV[6 + 3 * i]))
    charges[#charges + 1] = ';' .. w.bucket .. ',' .. text(step) .. ',' .. ARGV[6 + 3 * i]
  end
end
save(windows)
redis.call('SET', KEYS[3], text(ends) .. table.concat(charges), 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], text(ends), ARGV[2])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
return 1`;

/**
 * KEYS: windows, open reservations, the reservation. ARGV: id, DAYS, then what was used of each kind or nothing.
 * Answers 1, or 0 where the reservation is not open.
 */
const SETTLE = `
local record = record_of(KEYS[3])
if not record or record.settled then return 0 end
redis.call('SET', KEYS[3], 'x' .. text(now + ${SETTLED_MEMORY_MS}), 'PX', ${SETTLED_MEMORY_MS})
redis.call('ZREM', KEYS[2], ARGV[1])
local buckets, charges = {}, {}
for bucket, step, amount in string.gmatch(record.charges, '(%d+),(%d+),(%d+)') do
  bucket = tonumber(bucket)
  local actual = tonumber(ARGV[2 + RULES[bucket][3]])
  if actual and actual ~= tonumber(amount) then
    buckets[#buckets + 1] = bucket
    charges[#charges + 1] = { step = tonumber(step), more = actual - tonumber(amount) }
  end
end
local windows = load(buckets, ARGV[2])
for i, w in ipairs(windows) do
  local charge = charges[i]
  if charge.more > 0 then
    w.debt = w.debt + charge.more
    w.changed = true
  elseif holds(w, charge.step) then
    put(w, charge.step % w.steps, charge.more)
  end
  pay(w)
end
save(windows)
return 1`;

/**
 * KEYS: windows, open reservations, marks. ARGV: DAYS, most ids. Answers `{ now, time of windows, { bucket, step, use,
 * debt, step in which nothing counts }…, ids of open reservations, { mark, until, why }…, number of open ones }`.
 */
const SNAPSHOT = `
local buckets = {}
for bucket = 1, #RULES do buckets[bucket] = bucket end
local states, marks = {}, {}
for _, w in ipairs(load(buckets, ARGV[1])) do
  if w.known then states[#states + 1] = { w.bucket, w.head, w.used, w.debt, step_to_clear(w) } end
end
local marked = redis.call('HGETALL', KEYS[3])
for i = 1, #marked, 2 do
  local ends, why = string.match(marked[i + 1], '^(%d+);(.*)$')
  if tonumber(ends) > now then marks[#marks + 1] = { marked[i], tonumber(ends), why } end
end
local later = '(' .. text(now)
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], later, '+inf', 'LIMIT', 0, tonumber(ARGV[2]))
return { now, effective, states, ids, marks, redis.call('ZCOUNT', KEYS[2], later, '+inf') }`;

/** KEYS: marks. ARGV: bucket, for how many ms, why. */
const BLOCK = `
local for_ms = tonumber(ARGV[2])
if for_ms <= 0 then return redis.call('HDEL', KEYS[1], ARGV[1]) end
local present = redis.call('HGET', KEYS[1], ARGV[1])
local ends = now + for_ms
if present and tonumber(string.match(present, '^%d+')) >= ends then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], text(ends) .. ';' .. ARGV[3])
if redis.call('PTTL', KEYS[1]) < for_ms then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`;

/**
 * KEYS: replicas. ARGV: this one's id, ms for which it counts. Answers `{ replicas, 1 where this one was known }`.
 */
const ATTEND = `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now - tonumber(ARGV[2])))
local added = redis.call('ZADD', KEYS[1], text(now), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { redis.call('ZCARD', KEYS[1]), 1 - added }`;

/** Sources of the ledger's scripts. The first line refuses a script as a whole where the server takes no writes. */
export function quotaScripts(time: string): Readonly<Record<QuotaScript, string>> {
  const text = "local function text(number) return string.format('%.0f', number) end";
  return {
    reserve: `#!lua${time}${SLIDING_WINDOWS}${RESERVE}`,
    settle: `#!lua${time}${SLIDING_WINDOWS}${SETTLE}`,
    snapshot: `#!lua flags=no-writes${time}${SLIDING_WINDOWS}${SNAPSHOT}`,
    block: `#!lua${time}\n${text}${BLOCK}`,
    attend: `#!lua${time}\n${text}${ATTEND}`,
  };
}

/** What the ledger asks of a server. */
export type QuotaScript = 'reserve' | 'settle' | 'snapshot' | 'block' | 'attend';
