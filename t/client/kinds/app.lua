-- The backend of hook_kinds.test.js, inside of nginx: content_by_lua_block.

local json = require "cjson"

local function answer(status, body)
    ngx.status = status
    ngx.header.content_type = "application/json"
    ngx.print(body)
    return ngx.exit(ngx.HTTP_OK)
end

local function app()
    local h = ngx.req.get_headers()
    local body = ngx.req.get_body_data()
    local args = json.decode(body)

    if h["Sio-Type"] == "connect" then
        local shake = json.decode(ngx.unescape_uri(h["Sio-Handshake"]))
        local token = shake.auth.token

        if token == "bad" then
            return answer(401, json.encode({ message = "who?",
                                             data = { code = 7 } }))
        end

        return answer(200, json.encode({
            ["do"] = { { join = "in" },
                       { emit = "welcome", args = { token } } },
            data = { token = token },
        }))
    end

    local event = h["Sio-Event"]

    if event == "echo" then
        return answer(200, body)

    elseif event == "tell" then
        -- its only argument, as it came: cjson takes [] for {}
        return answer(200, body:sub(2, -2))

    elseif event == "status" then
        return answer(args[1], json.encode(args[2]))

    elseif event == "raw" then
        return answer(200, ngx.decode_base64(args[1]))

    elseif event == "big" then
        return answer(200, json.encode({ ("x"):rep(args[1]) }))

    elseif event == "throw" then
        error("thrown")

    elseif event == "later" then
        ngx.sleep(0.02)
        return answer(200, '["later"]')

    elseif event == "sub" then
        return answer(200, ngx.location.capture("/plain").body)

    elseif event == "closes" then
        return ngx.exit(444)

    elseif event == "headers" then
        return answer(200, json.encode({ {
            rooms = h["Sio-Rooms"], data = h["Sio-Data"], id = h["Sio-Id"],
            user = h["Sio-User"] or json.null,
            method = ngx.req.get_method(), type = h["Content-Type"],
            length = tonumber(h["Content-Length"]),
            address = ngx.var.remote_addr,
        } }))
    end

    return ngx.exit(204)
end

return app
