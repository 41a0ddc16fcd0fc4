/* Classify in a web server: one ladder, plain sockets of POSIX, no other library. It answers on this machine alone.

       cc -O2 -fopenmp 14_web_server.c -o web_server -lm
       ./web_server MODEL LADDER [PORT]          LADDER: a file of `ladder train` or of ldr_ladder_save; PORT 0: a free one
       curl 'http://127.0.0.1:8080/?text=turn+on+the+lights'   says   {"label":"lights","score":0.98} */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700
#endif
#define LADDER_IMPLEMENTATION
#include "../ladder.h"
#include <stdio.h>
#include <stdlib.h>
#if defined(__unix__) || defined(__APPLE__)
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The text behind "?text=" of "GET /?text=... HTTP/1.1", where %41 is A and + a blank, in its own place. */
static char *asked(char *request) {
  char *s = strstr(request, "?text="), *from, *to, hex[3] = "";
  if (strncmp(request, "GET ", 4) != 0 || !s) return NULL;
  for (from = to = s += 6; *from && *from != ' ' && *from != '&' && *from != '\r'; from++) {
    if (*from == '%' && strlen(from) > 2) {
      memcpy(hex, from + 1, 2);
      *to++ = (char)strtol(hex, NULL, 16);
      from += 2;
    } else *to++ = *from == '+' ? ' ' : *from;
  }
  *to = 0;
  return s;
}

/* One question, one answer in JSON, in which a label's own quotes become apostrophes. */
static void serve(int client, ldr_ladder *ladder) {
  char request[8192], name[512], body[1024], reply[2048], *text;
  ldr_error err = {0};
  ldr_answer answer = {0};
  const char *why = "ask for /?text=..., in at most 8000 bytes";
  size_t used = 0, i;
  ssize_t n;
  do {
    n = recv(client, request + used, sizeof request - 1 - used, 0);
    used += n > 0 ? (size_t)n : 0;
    request[used] = 0;
  } while (n > 0 && !strstr(request, "\r\n\r\n") && used < sizeof request - 1);
  text = asked(request);
  if (text) why = ldr_predict_text(ladder, &answer, text, NULL, &err) ? err.message : NULL;
  snprintf(name, sizeof name, "%s", why ? why : answer.name ? answer.name : "");
  for (i = 0; name[i]; i++)
    if (name[i] == '"' || name[i] == '\\' || (unsigned char)name[i] < ' ') name[i] = '\'';
  if (why) snprintf(body, sizeof body, "{\"error\":\"%s\"}\n", name);
  else snprintf(body, sizeof body, "{\"label\":\"%s\",\"score\":%.4f}\n", name, (double)answer.score);
  n = snprintf(reply, sizeof reply, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %u\r\n"
      "Connection: close\r\n\r\n%s", why ? "400 Bad Request" : "200 OK", (unsigned)strlen(body), body);
  if (send(client, reply, (size_t)n, 0) < 0) perror("send");
}

int main(int argc, char **argv) {
  ldr_error           err = {0};
  struct sockaddr_in  at = {0};
  struct timeval      patience = { 5, 0 };              /* a client that says nothing is left */
  socklen_t           size = sizeof at;
  int                 door, client;
  ldr_model  *model = ldr_model_load(argc > 1 ? argv[1] : "tiny", NULL, &err);
  ldr_ladder *ladder = model ? ldr_ladder_load(model, argc > 2 ? argv[2] : "my.ladder", NULL, &err) : NULL;
  if (!ladder) {
    fprintf(stderr, "%s\nusage: web_server MODEL LADDER [PORT]\n", err.message);
    ldr_model_free(model);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);                             /* a client that went away is no reason to stop */
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons((uint16_t)atoi(argc > 3 ? argv[3] : "8080"));
  door = socket(AF_INET, SOCK_STREAM, 0);
  if (door < 0 || bind(door, (struct sockaddr *)&at, sizeof at) || listen(door, 16) ||
      getsockname(door, (struct sockaddr *)&at, &size)) {
    perror("this port cannot be listened on");
    return 1;
  }
  printf("listening on http://127.0.0.1:%d/?text=...\n", (int)ntohs(at.sin_port));
  fflush(stdout);
  while ((client = accept(door, NULL, NULL)) >= 0) {
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    serve(client, ladder);
    close(client);
  }
  return 1;
}
#else
int main(void) {
  printf("this example needs the sockets of POSIX\n");
  return 0;
}
#endif
