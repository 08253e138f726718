<?php

# nginx asks for each connect and event; the answer is what it shall do.

function sio($header)
{
    $text = $_SERVER["HTTP_SIO_$header"] ?? 'null';
    return json_decode(rawurldecode($text), true);
}

function answer($value, $status = 200)
{
    http_response_code($status);
    header('Content-Type: application/json');
    exit(json_encode($value));
}

$args = json_decode(file_get_contents('php://input'), true);
$name = sio('DATA')['name'] ?? '';
$room = 'room:' . ($args[0] ?? '');

switch ($_SERVER['HTTP_SIO_EVENT'] ?? $_SERVER['HTTP_SIO_TYPE']) {

case 'connect':
    $name = sio('HANDSHAKE')['auth']['name'] ?? '';
    $name ? answer(['data' => ['name' => $name]])
          : answer(['message' => 'a name, please'], 403);

case 'join':
    answer(['ack' => ["welcome, $name"],
            'do' => [['join' => $room],
                     ['emit' => 'joined', 'args' => [$name],
                      'to' => $room, 'except_self' => true]]]);

case 'message':
    in_array($room, sio('ROOMS'))
        || answer(['message' => 'join the room first'], 403);
    answer(['ack' => ['sent'],
            'do' => ['emit' => 'message', 'args' => [$name, $args[1]],
                     'to' => $room]]);

case 'disconnecting':
    answer(['do' => ['emit' => 'left', 'args' => [$name],
                     'to' => sio('ROOMS'), 'except_self' => true]]);
}

http_response_code(204);
