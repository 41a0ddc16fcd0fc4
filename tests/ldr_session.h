/* ldr_session.h: sessions for tests. Include after ladder.h. */

#ifndef LDR_SESSION_H
#define LDR_SESSION_H

static inline ldr_session *session_kept_as(const ldr_model *m, const ldr_ladder *l, int32_t capacity, ldr_dtype type, ldr_error *err) {
  ldr_session_desc d;
  memset(&d, 0, sizeof d);
  d.capacity = capacity;
  d.kept_type = type;
  return ldr_session_create(m, l, &d, err);
}

static inline ldr_session *session_for(const ldr_model *m, const ldr_ladder *l, int32_t capacity, ldr_error *err) {
  return session_kept_as(m, l, capacity, LDR_F32, err);
}

#endif /* LDR_SESSION_H */
