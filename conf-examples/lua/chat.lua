-- nginx asks for each connect and event; the answer is what it shall do.

local json = require "cjson.safe"
local headers = ngx.req.get_headers()

local function sio(name)
    return json.decode(ngx.unescape_uri(headers["Sio-" .. name] or "{}"))
end

local function answer(value, status)
    ngx.status = status or 200
    ngx.header.content_type = "application/json"
    ngx.print(json.encode(value))
    return ngx.exit(ngx.OK)
end

local kind = headers["Sio-Event"] or headers["Sio-Type"]
local args = json.decode(ngx.req.get_body_data())
local name = sio("Data").name
local room = "room:" .. tostring(args[1])

if kind == "connect" then
    local auth = sio("Handshake").auth

    if type(auth) ~= "table" or (auth.name or "") == "" then
        return answer({ message = "a name, please" }, 403)
    end

    return answer({ data = { name = auth.name } })

elseif kind == "join" then
    return answer({
        ack = { "welcome, " .. name },
        ["do"] = {
            { join = room },
            { emit = "joined", args = { name }, to = room,
              except_self = true },
        },
    })

elseif kind == "message" then
    for _, r in ipairs(sio("Rooms")) do
        if r == room then
            return answer({
                ack = { "sent" },
                ["do"] = { emit = "message", args = { name, args[2] },
                           to = room },
            })
        end
    end

    return answer({ message = "join the room first" }, 403)

elseif kind == "disconnecting" then
    return answer({
        ["do"] = { emit = "left", args = { name }, to = sio("Rooms"),
                   except_self = true },
    })
end

return ngx.exit(204)
