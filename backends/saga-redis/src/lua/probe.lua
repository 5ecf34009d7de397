-- Whether the saga that has a key is there. If it is not, and that is asked for, it is kept from coming.
local id, nonce, definition, key, mode = arg(), arg(), arg(), arg(), arg()
local head = head_of(id)
if head and head.definition == definition and head.key == key then return 'there' end
if mode == 'void' then redis.call('SET', P .. 'void:' .. id .. ':' .. nonce, '1', 'EX', 3600) end
return 'absent'
