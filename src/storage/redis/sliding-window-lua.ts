import { COUNTED_BUCKETS, WINDOW_MS, WINDOW_STEPS } from '../../quota/quota-ledger.port.js';

/** Kinds of use in the order in which scripts get them. */
export const USES = ['requests', 'inputTokens', 'images', 'nanoUsd'] as const;

/** `{ ms of a step (0 for days), steps that count, which of the amounts }` for each counted bucket. */
const RULES = Object.values(COUNTED_BUCKETS).map(({ counts, over }) => {
  const [stepMs, steps] = over === 'pacificDay' ? [0, 1] : [WINDOW_MS[over] / WINDOW_STEPS, WINDOW_STEPS + 1];
  return `{ ${stepMs}, ${steps}, ${USES.indexOf(counts) + 1} }`;
});

/**
 * The sliding windows of `storage/memory/sliding-window.ts`, kept in the hash KEYS[1]: `t` is what is added to the
 * server's time so that it never goes back, and the latest time; of bucket b, `b` is its step, use, debt and limit, and
 * `b:i` the use of the step whose number divided by the number of steps leaves i. DAYS is the number of a day and the
 * midnights from its own on.
 */
export const SLIDING_WINDOWS = `
local RULES = { ${RULES.join(', ')} }
local offset, effective, days, set_back

local function text(number) return string.format('%.0f', number) end

local function step_of(bucket, ago)
  local step_ms = RULES[bucket][1]
  if step_ms > 0 then return math.floor((effective - ago) / step_ms) end
  local day = days[1] - 1
  for i = 2, #days do if days[i] <= now - ago then day = day + 1 end end
  return day
end

local function cells_of(w)
  if w.cells then return w.cells end
  local fields = {}
  for i = 0, w.steps - 1 do fields[i + 1] = w.bucket .. ':' .. i end
  local values = redis.call('HMGET', KEYS[1], unpack(fields))
  w.cells = {}
  for i = 0, w.steps - 1 do w.cells[i] = tonumber(values[i + 1] or 0) end
  for i, amount in pairs(w.added) do
    w.cells[i] = w.cells[i] + amount
    w.touched[i] = true
  end
  w.added = {}
  return w.cells
end

local function put(w, i, amount)
  if w.cells then
    w.cells[i] = w.cells[i] + amount
    w.touched[i] = true
  else
    w.added[i] = (w.added[i] or 0) + amount
  end
  w.used = w.used + amount
  w.changed = true
end

local function holds(w, step) return step > w.head - w.steps end

local function pay(w)
  local paid = math.min(w.debt, math.max(0, w.limit - w.used))
  if paid > 0 then
    w.debt = w.debt - paid
    put(w, w.head % w.steps, paid)
  end
end

local function clear(w, i)
  local amount = w.cells[i]
  if amount ~= 0 then put(w, i, -amount) end
end

local function next_step(w)
  w.head = w.head + 1
  clear(w, w.head % w.steps)
  pay(w)
end

local function advance(w, step)
  if w.head >= step then return end
  cells_of(w)
  while w.head < step do
    local gap = step - w.head
    local turns = 0
    if gap >= w.steps then
      if w.debt == 0 then
        for i = 0, w.steps - 1 do clear(w, i) end
      elseif w.used == w.limit and w.limit > 0 then
        turns = math.min(math.floor(gap / w.steps), math.floor(w.debt / w.limit))
        w.debt = w.debt - turns * w.limit
        w.head = w.head + turns * w.steps
      end
      if w.used == 0 and (w.debt == 0 or w.limit == 0) then w.head = step end
    end
    if turns == 0 and w.head < step then next_step(w) end
  end
end

local function set_limit(w, limit)
  w.limit = limit
  w.changed = true
  pay(w)
end

local function step_to_fit(w, amount, limit)
  if amount > limit then return -1 end
  local later = { steps = w.steps, head = w.head, used = w.used, debt = w.debt, limit = limit, cells = {}, touched = {} }
  for i, present in pairs(cells_of(w)) do later.cells[i] = present end
  if later.debt > 0 then advance(later, w.head + math.floor(w.debt / limit) * w.steps) end
  while later.used + later.debt + amount > limit do next_step(later) end
  return later.head
end

local function step_to_clear(w)
  if w.used == 0 then return w.head end
  local cells = cells_of(w)
  local newest = w.head
  while cells[newest % w.steps] == 0 do newest = newest - 1 end
  return newest + w.steps
end

-- The windows of some buckets as they are now.
local function load(buckets, day_table)
  days = {}
  for number in string.gmatch(day_table, '%d+') do days[#days + 1] = tonumber(number) end
  local values = redis.call('HMGET', KEYS[1], 't', unpack(buckets))
  local latest = 0
  offset = 0
  if values[1] then
    local ahead, time = string.match(values[1], '(%d+) (%d+)')
    offset, latest = tonumber(ahead), tonumber(time)
  end
  set_back = now + offset < latest
  effective = math.max(now + offset, latest)
  offset = effective - now
  local windows = {}
  for i, bucket in ipairs(buckets) do
    local step = step_of(bucket, 0)
    local w = { bucket = bucket, steps = RULES[bucket][2], head = step, used = 0, debt = 0, limit = 0 }
    if values[i + 1] then
      local head, used, debt, limit = string.match(values[i + 1], '(%d+) (%d+) (%d+) (%d+)')
      w.known = true
      w.head, w.used, w.debt, w.limit = tonumber(head), tonumber(used), tonumber(debt), tonumber(limit)
    end
    w.added, w.touched = {}, {}
    advance(w, step)
    w.changed = false
    windows[i] = w
  end
  return windows
end

-- Keeps what changed, for as long as any of it counts. A clock that was set back must not stand still until it is
-- where it was.
local function save(windows)
  local fields, keep_ms = {}, 0
  for _, w in ipairs(windows) do
    if w.changed then
      local b = w.bucket
      fields[#fields + 1] = b
      fields[#fields + 1] = string.format('%.0f %.0f %.0f %.0f', w.head, w.used, w.debt, w.limit)
      for i in pairs(w.touched) do
        fields[#fields + 1] = b .. ':' .. i
        fields[#fields + 1] = text(w.cells[i])
      end
      for i, amount in pairs(w.added) do redis.call('HINCRBY', KEYS[1], b .. ':' .. i, text(amount)) end
      local turn_ms = RULES[b][1] == 0 and 93600000 or RULES[b][1] * w.steps
      local turns = 2 + math.ceil(w.debt / math.max(1, w.limit))
      keep_ms = math.max(keep_ms, math.min(turns * turn_ms, 2592000000))
    end
  end
  if #fields == 0 and not set_back then return end
  fields[#fields + 1] = 't'
  fields[#fields + 1] = string.format('%.0f %.0f', offset, effective)
  redis.call('HSET', KEYS[1], unpack(fields))
  if redis.call('PTTL', KEYS[1]) < keep_ms then redis.call('PEXPIRE', KEYS[1], text(2 * keep_ms)) end
end

-- Of a reservation: when it ends or is forgotten, whether it is settled, and its charges as text.
local function record_of(key)
  local record = redis.call('GET', key)
  if not record then return nil end
  local settled, ends, charges = string.match(record, '^(x?)(%d+)(.*)$')
  if tonumber(ends) <= now then return nil end
  return { settled = settled == 'x', charges = charges }
end
`;
