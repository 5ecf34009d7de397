-- A batch of appends to one partition. Each is answered with its time, or with why it is refused.
local JOURNAL, HEAD = P .. 'journal:', P .. 'head:'

-- The common way: one entry, its place in the log, and nothing else. The entry is taken back where the journal is not
-- where it should be: nobody sees it meanwhile, and most are right.
local function write_entry()
    local id, expected, entry = arg(), arg(), arg()
    if expected == '0' then return '!conflict' end
    local at = tick(1)
    local moment = text(at)
    local length = call('RPUSHX', JOURNAL .. id, moment .. ' ' .. entry)
    if length ~= expected + 1 then
        if length > 0 then call('RPOP', JOURNAL .. id) end
        return '!conflict'
    end
    log(moment, id, expected, '1')
    return at
end

-- What is common to all other appends.
local function read()
    local append = { id = arg(), expected = arg(), count = tonumber(arg()) }
    append.first = place + 1
    place = place + append.count
    local state, owner, wake = arg(), arg(), arg()
    if state ~= '' then
        append.after = { id = append.id, state = state, owner = owner, wake = wake ~= '' and wake or nil }
    end
    return append
end

local function write_entries(append, moment)
    local entries = {}
    for index = 0, append.count - 1 do entries[index + 1] = moment .. ' ' .. ARGV[append.first + index] end
    call('RPUSH', JOURNAL .. append.id, unpack(entries))
end

local function create(has_key)
    local append = read()
    local id, after = append.id, append.after
    local definition, version, fingerprint, labels = arg(), arg(), arg(), arg()
    local key, record, mode, nonce, not_after
    if has_key then key, record, mode, nonce, not_after = arg(), P .. 'key:' .. arg(), arg(), arg(), arg() end
    after.definition, after.labels = definition, labels
    after.shape = definition .. ':' .. version .. ':' .. fingerprint
    if call('EXISTS', JOURNAL .. id, HEAD .. id) > 0 then
        local there = call('HMGET', HEAD .. id, 'definition', 'key')
        local is_same = key and there[1] == definition and there[2] == key
        return is_same and '!same' or '!conflict'
    end
    check(after)
    check_key('SCARD', P .. 'shapes')
    each_label(labels, function(label) check_key('ZCARD', label) end)
    if key then
        if mode == 'here' then
            local holder = call('GET', record)
            if holder and string.sub(holder, 1, #id) ~= id then return '!key ' .. holder end
        else
            if call('EXISTS', P .. 'void:' .. id .. ':' .. nonce) == 1 then return '!void' end
            if server > tonumber(not_after) then return '!late' end
        end
    end
    local at = tick(append.count)
    local moment = text(at)
    log(moment, id, append.expected, append.count)
    write_entries(append, moment)
    if mode == 'here' then call('SET', record, id) end
    after.created, after.updated = moment, moment
    local fields = {
        'state', after.state, 'owner', after.owner, 'updated', moment, 'created', moment, 'definition', definition,
        'version', version, 'fingerprint', fingerprint,
    }
    local function set(name, value)
        fields[#fields + 1] = name
        fields[#fields + 1] = value
    end
    if after.wake then set('wake', after.wake) end
    if key then set('key', key) end
    if labels ~= '' then set('labels', labels) end
    if ENDED[after.state] then set('ended', moment) end
    call('HSET', HEAD .. id, unpack(fields))
    file(after, nil)
    return at
end

-- Takes away the requests that are answered.
local function answer(head, answered)
    local requests = P .. 'requests:' .. head.id
    if ENDED[head.state] then
        call('DEL', requests)
    elseif answered ~= '' then
        for _, number in ipairs(call('HKEYS', requests)) do
            if tonumber(number) <= tonumber(answered) then call('HDEL', requests, number) end
        end
    end
end

local function set_head(head, before)
    local saga = HEAD .. head.id
    if ENDED[head.state] then
        call('HSET', saga, 'state', head.state, 'owner', head.owner, 'updated', head.updated, 'ended', head.updated)
    else
        call('HSET', saga, 'state', head.state, 'owner', head.owner, 'updated', head.updated)
        if ENDED[before.state] then call('HDEL', saga, 'ended') end
    end
    if head.wake then
        call('HSET', saga, 'wake', head.wake)
    elseif before.wake then
        call('HDEL', saga, 'wake')
    end
end

-- An append that changes the head, answers requests, or has several entries.
local function change()
    local append = read()
    local answered = arg()
    local id, after = append.id, append.after
    if append.expected == '0' or call('LLEN', JOURNAL .. id) ~= tonumber(append.expected) then return '!conflict' end
    local before
    if after or answered ~= '' then
        before = head_of(id)
        check(before)
    end
    if after then
        after.definition, after.shape, after.created = before.definition, before.shape, before.created
        after.asked, after.labels = before.asked, before.labels
        check(after)
    end
    local at = tick(append.count)
    local moment = text(at)
    log(moment, id, append.expected, append.count)
    write_entries(append, moment)
    if not before then return at end
    local head = after or before
    if head.asked then answer(head, answered) end
    if after then
        after.updated = moment
        set_head(after, before)
    end
    file(head, before)
    return at
end

local function write()
    local kind = arg()
    if kind == 'entry' then return write_entry() end
    if kind == 'change' then return change() end
    return create(kind == 'keyed')
end

call('XLEN', LOG)
local answers = {}
for index = 1, tonumber(arg()) do
    -- One fails before it has written anything; those before it are whole.
    local is_done, answered = pcall(write)
    if not is_done then
        save()
        return failure(answered)
    end
    answers[index] = answered
end
save()
return answers
