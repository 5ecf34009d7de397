-- A batch of appends to one partition. Each is answered with its time, or with why it is refused.
local function create(append)
    local saga = P .. 'head:' .. append.id
    if append.length ~= 0 or redis.call('EXISTS', saga) == 1 then
        local there = redis.call('HMGET', saga, 'definition', 'key')
        local is_same = append.key and there[1] == append.definition and there[2] == append.key
        return is_same and '!same' or '!conflict'
    end
    check(append.after)
    redis.call('SCARD', P .. 'shapes')
    each_label(append.labels, function(key) redis.call('ZCARD', key) end)
    if append.key then
        local record = P .. 'key:' .. append.record
        if append.mode == 'here' then
            local holder = redis.call('GET', record)
            if holder and string.sub(holder, 1, #append.id) ~= append.id then return '!key ' .. holder end
            append.takes = record
        else
            if redis.call('EXISTS', P .. 'void:' .. append.id .. ':' .. append.nonce) == 1 then return '!void' end
            if server > tonumber(append.not_after) then return '!late' end
        end
    end
    local at = tick(append.count)
    log(at, append.id, append.expected, append.count)
    if append.takes then redis.call('SET', append.takes, append.id) end
    append.after.created, append.after.updated = text(at), text(at)
    local fields = {
        'definition', append.definition, 'version', append.version, 'fingerprint', append.fingerprint,
        'state', append.after.state, 'created', text(at), 'updated', text(at),
    }
    local function set(name, value)
        fields[#fields + 1] = name
        fields[#fields + 1] = value
    end
    if append.key then set('key', append.key) end
    if append.labels ~= '' then set('labels', append.labels) end
    if append.after.owner ~= '-' then set('owner', append.after.owner) end
    if append.after.wake then set('wake', append.after.wake) end
    if ENDED[append.after.state] then set('ended', text(at)) end
    redis.call('HSET', saga, unpack(fields))
    file(append.after, nil)
    return at
end

local function change(append)
    local before = head_of(append.id)
    check(before)
    if append.after then
        append.after.definition, append.after.shape = before.definition, before.shape
        append.after.created, append.after.labels = before.created, before.labels
        check(append.after)
    end
    local at = tick(append.count)
    log(at, append.id, append.expected, append.count)
    local requests = P .. 'requests:' .. append.id
    if append.after and ENDED[append.after.state] then
        redis.call('DEL', requests)
    elseif append.answered ~= '' then
        local answered = tonumber(append.answered)
        for _, number in ipairs(redis.call('HKEYS', requests)) do
            if tonumber(number) <= answered then redis.call('HDEL', requests, number) end
        end
    end
    if append.after then
        local saga = P .. 'head:' .. append.id
        append.after.updated = text(at)
        redis.call('HSET', saga, 'state', append.after.state, 'updated', text(at))
        if append.after.owner ~= '-' then
            redis.call('HSET', saga, 'owner', append.after.owner)
        elseif before.owner ~= '-' then
            redis.call('HDEL', saga, 'owner')
        end
        if append.after.wake then
            redis.call('HSET', saga, 'wake', append.after.wake)
        elseif before.wake then
            redis.call('HDEL', saga, 'wake')
        end
        if ENDED[append.after.state] then
            redis.call('HSET', saga, 'ended', text(at))
        elseif ENDED[before.state] then
            redis.call('HDEL', saga, 'ended')
        end
        file(append.after, before)
    else
        file(before, before)
    end
    return at
end

local function write()
    local append = { id = arg(), expected = tonumber(arg()), count = tonumber(arg()) }
    local first = place + 1
    place = place + append.count
    local state, owner, wake = arg(), arg(), arg()
    append.answered = arg()
    if state ~= '' then
        append.after = { id = append.id, state = state, owner = owner, wake = wake ~= '' and wake or nil }
    end
    local is_new = arg() == '1'
    if is_new then
        append.definition, append.version, append.fingerprint = arg(), arg(), arg()
        local has_key, key = arg(), arg()
        append.key = has_key == '1' and key or nil
        append.labels, append.record, append.mode, append.nonce, append.not_after = arg(), arg(), arg(), arg(), arg()
    end
    local journal = P .. 'journal:' .. append.id
    append.length = redis.call('LLEN', journal)
    local at
    if is_new then
        append.after.definition, append.after.labels = append.definition, append.labels
        append.after.shape = append.definition .. ':' .. append.version .. ':' .. append.fingerprint
        at = create(append)
    elseif append.expected == 0 or append.length ~= append.expected then
        return '!conflict'
    elseif append.after or append.answered ~= '' then
        at = change(append)
    else
        -- The common way: an entry, and its place in the log.
        at = tick(append.count)
        log(at, append.id, append.expected, append.count)
    end
    if type(at) == 'string' then return at end
    for index = first, first + append.count - 1 do
        redis.call('RPUSH', journal, text(at) .. ' ' .. ARGV[index])
    end
    return text(at)
end

redis.call('XLEN', P .. 'log')
local answers = {}
for index = 1, tonumber(arg()) do
    -- One fails before it has written anything; those before it are whole.
    local is_done, answer = pcall(write)
    if not is_done then
        save_clock()
        return failure(answer)
    end
    answers[index] = answer
end
save_clock()
return answers
