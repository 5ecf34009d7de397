-- The record of a key of an idempotent start: who has it. An empty value is none. Returns who had it, and the time.
local record, expected, value = P .. 'key:' .. arg(), arg(), arg()
local holder = redis.call('GET', record) or ''
if holder == expected then
    if value == '' then redis.call('DEL', record) else redis.call('SET', record, value) end
end
return { holder, text(server) }
