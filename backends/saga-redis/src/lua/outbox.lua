-- Cursors of publishers, and dead letters: all in one partition. Positions are too large for a script's numbers: they
-- are compared as texts, those of letters with leading zeros.
local what, name = arg(), arg()
local cursor, order = P .. 'cursor:' .. name, P .. 'letters:' .. name
local function letter(position) return P .. 'letter:' .. name .. ':' .. position end

local function is_held()
    local held = redis.call('HMGET', cursor, 'holder', 'until')
    return held[1] and tonumber(held[2]) > server and held[1] or nil
end

if what == 'lease' then
    local worker, micros = arg(), tonumber(arg())
    local holder = is_held()
    if holder and holder ~= worker then return false end
    redis.call('SADD', P .. 'cursors', name)
    redis.call('HSETNX', cursor, 'position', '0')
    redis.call('HSET', cursor, 'holder', worker, 'until', text(server + micros))
    return redis.call('HGET', cursor, 'position')
end
if what == 'advance' then
    local worker, from, to = arg(), arg(), arg()
    if is_held() ~= worker or redis.call('HGET', cursor, 'position') ~= from then return 0 end
    redis.call('ZCARD', order)
    redis.call('HSET', cursor, 'position', to)
    for _ = 1, tonumber(arg()) do
        local position, saga, event, reason = arg(), arg(), arg(), arg()
        redis.call('ZADD', order, 0, position)
        redis.call('HSET', letter(position), 'saga', saga, 'event', event, 'reason', reason, 'at', text(now), 'resend', '0')
    end
    return 1
end
if what == 'release' then
    if redis.call('HGET', cursor, 'holder') == arg() then redis.call('HDEL', cursor, 'holder', 'until') end
    return 1
end
if what == 'remove' then
    for _, position in ipairs(redis.call('ZRANGE', order, 0, -1)) do redis.call('UNLINK', letter(position)) end
    redis.call('UNLINK', order)
    redis.call('SREM', P .. 'cursors', name)
    return redis.call('DEL', cursor)
end
if what == 'all' then
    local answer = {}
    for _, each in ipairs(redis.call('SMEMBERS', P .. 'cursors')) do
        name, cursor = each, P .. 'cursor:' .. each
        local position = redis.call('HGET', cursor, 'position')
        if position then
            answer[#answer + 1] = { each, position, is_held() or '', redis.call('ZCARD', P .. 'letters:' .. each) }
        end
    end
    return answer
end
if what == 'letters' then
    local after, limit, only = arg(), tonumber(arg()), arg() == '1'
    local answer = {}
    local from = '(' .. after
    while #answer < limit do
        local found = redis.call('ZRANGEBYLEX', order, from, '+', 'LIMIT', 0, 128)
        if #found == 0 then break end
        for _, position in ipairs(found) do
            local is = redis.call('HMGET', letter(position), 'saga', 'event', 'reason', 'at', 'resend')
            if is[1] and #answer < limit and (not only or is[5] == '1') then
                answer[#answer + 1] = { position, is[1], is[2], is[3], is[4], is[5] }
            end
        end
        from = '(' .. found[#found]
    end
    return answer
end
local position, change = arg(), arg()
local key = letter(position)
if redis.call('EXISTS', key) == 0 then return 0 end
if change == 'resend' then redis.call('HSET', key, 'resend', '1') end
if change == 'again' then redis.call('HSET', key, 'resend', '0', 'reason', arg(), 'at', text(now)) end
if change == 'remove' then
    redis.call('DEL', key)
    redis.call('ZREM', order, position)
end
return 1
