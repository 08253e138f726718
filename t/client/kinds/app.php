<?php

/* The backend of hook_kinds.test.js, for php-fpm. */

function answer($status, $body)
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo $body;
    exit;
}

$type = $_SERVER['HTTP_SIO_TYPE'];
$event = $_SERVER['HTTP_SIO_EVENT'] ?? '';
$body = file_get_contents('php://input');
$args = json_decode($body);

if ($type == 'connect') {
    $shake = json_decode(rawurldecode($_SERVER['HTTP_SIO_HANDSHAKE']));
    $token = $shake->auth->token;

    if ($token == 'bad') {
        answer(401, json_encode(['message' => 'who?',
                                 'data' => ['code' => 7]]));
    }

    answer(200, json_encode([
        'do' => [['join' => 'in'], ['emit' => 'welcome', 'args' => [$token]]],
        'data' => ['token' => $token],
    ]));
}

switch ($event) {

case 'echo':
    answer(200, $body);

case 'tell':
    answer(200, json_encode($args[0]));

case 'status':
    answer($args[0], json_encode($args[1]));

case 'raw':
    answer(200, base64_decode($args[0]));

case 'big':
    answer(200, json_encode([str_repeat('x', $args[0])]));

case 'slow':
    sleep(2);
    answer(200, '["late"]');

case 'headers':
    answer(200, json_encode([[
        'rooms' => $_SERVER['HTTP_SIO_ROOMS'],
        'data' => $_SERVER['HTTP_SIO_DATA'] ?? null,
        'id' => $_SERVER['HTTP_SIO_ID'],
        'user' => $_SERVER['HTTP_SIO_USER'] ?? null,
        'method' => $_SERVER['REQUEST_METHOD'],
        'type' => $_SERVER['CONTENT_TYPE'],
        'length' => (int) $_SERVER['CONTENT_LENGTH'],
        'address' => $_SERVER['REMOTE_ADDR'],
    ]]));
}

http_response_code(204);
