"""CompiledRule: a table of illshell.model.rule as C structs."""

from libc.string cimport memset

from illshell._core.columns cimport text
from illshell._core.name_classes cimport build_classes, free_classes
from illshell._core.names cimport NameSet, PatternSet, name_table
from illshell._core.predicates cimport IS_BASENAME, IS_NAME, IS_PATTERN, evaluate, predicate

from illshell.model.rule import BasenameIn, NameIn, PatternIn, Require


cdef class CompiledRule:
    """A rule, ready to run. Thread-safe: nothing changes after construction.

    ``rule``: an :class:`illshell.model.rule.Rule`. Raises ValueError for a name that can't be,
    and for a basename that holds a slash.
    """

    def __cinit__(self, rule):
        cdef int k
        memset(&self.table, 0, sizeof(rule_table))
        self.rule = rule
        self.fields = rule.fields
        self.events = tuple([event.encode() for event in rule.events])
        self.sets = []
        if len(self.fields) > MAX_FIELDS:
            raise ValueError(f"{len(self.fields)} fields are more than {MAX_FIELDS}")
        self.table.n_fields = len(self.fields)
        self.table.n_clauses = len(self.events)
        numbers = {}
        for k, each in enumerate(rule.clauses):
            self.table.clauses[k].event = <bytes>self.events[k]
            self.table.clauses[k].event_length = len(self.events[k])
            add_steps(self, &self.table.clauses[k], each.steps, numbers)
        choose_class_field(&self.table)

    def __dealloc__(self):
        free_classes(&self.table.classes)

    cdef int field_number(self, str name) except -1:
        return self.fields.index(name)

    cdef event_code code_of(self, str event) except -1:
        name = event.encode("utf-8", "surrogatepass")
        return FIRST_EVENT + self.events.index(name) if name in self.events else OTHER_EVENT

    cdef verdict match_values(self, event_code event, const text *values) noexcept nogil:
        cdef const clause *chosen
        cdef const step *each
        cdef const text *value
        cdef int i
        if event < FIRST_EVENT or event - FIRST_EVENT >= self.table.n_clauses:
            return NO_MATCH
        chosen = &self.table.clauses[event - FIRST_EVENT]
        for i in range(chosen.count):
            each = &chosen.steps[i]
            value = &values[each.field]
            if each.kind == TEST:
                if not evaluate(&self.table.predicates[each.predicate], value.data, value.length,
                                value.data, value.data + value.length):
                    return NO_MATCH
            elif value.data == NULL:
                return IN_ERROR if each.kind == REQUIRE else NO_MATCH
        return MATCH


cdef int add_steps(CompiledRule self, clause *to, steps, dict numbers) except -1:
    """Append a clause's steps; ``numbers``: of each predicate so far."""
    cdef set read = set()
    cdef int field
    for each in steps:
        field = self.fields.index(each.field)
        if isinstance(each, Require):
            add_step(to, REQUIRE, field, -1)
        else:
            if field not in read:
                add_step(to, SKIP_NULLS, field, -1)
            if each not in numbers:
                numbers[each] = add_predicate(self, each, field)
            add_step(to, TEST, field, numbers[each])
        read.add(field)
    while to.leading < to.count and to.steps[to.leading].kind != TEST:
        to.leading += 1
    return 0


cdef int add_step(clause *to, int kind, int field, int number) except -1:
    if to.count == MAX_STEPS:
        raise ValueError(f"a clause has more than {MAX_STEPS} steps")
    to.steps[to.count].kind = kind
    to.steps[to.count].field = field
    to.steps[to.count].predicate = number
    to.count += 1
    return 0


cdef int add_predicate(CompiledRule self, each, int field) except -1:
    cdef int number = self.table.n_predicates
    cdef predicate *p
    if number == MAX_PREDICATES:
        raise ValueError(f"a rule has more than {MAX_PREDICATES} predicates")
    p = &self.table.predicates[number]
    if isinstance(each, PatternIn):
        patterns = PatternSet(each.names)
        p.kind = IS_PATTERN
        p.patterns = &(<PatternSet>patterns).table
        self.sets.append(patterns)
    else:
        names = NameSet(each.names)
        p.kind = IS_BASENAME if isinstance(each, BasenameIn) else IS_NAME
        if p.kind == IS_BASENAME:
            for name in names:
                if b"/" in name:
                    raise ValueError(f"basename {name!r} holds a slash")
        elif not isinstance(each, NameIn):
            raise TypeError(f"{type(each).__name__} is no step of a rule")
        p.names = &(<NameSet>names).table
        self.sets.append(names)
    self.table.predicate_fields[number] = field
    self.table.n_predicates += 1
    return number


cdef int choose_class_field(rule_table *table) except -1:
    """Classify the values of the field that most clauses ask a name of before they can fail else.

    A clause's name counts where no REQUIRE stands between its first TEST and that of the name:
    rows may then be dropped by it at once.
    """
    cdef const name_table *names[MAX_CLAUSES]
    cdef int field, k, count, best = 0
    table.class_field = -1
    for field in range(MAX_FIELDS):
        count = 0
        for k in range(table.n_clauses):
            count += early_names(table, &table.clauses[k], field) != NULL
        if count > best:
            best = count
            table.class_field = field
    if table.class_field < 0:
        return 0
    for k in range(table.n_clauses):
        names[k] = early_names(table, &table.clauses[k], table.class_field)
    return build_classes(&table.classes, names, table.n_clauses)


cdef const name_table *early_names(
    const rule_table *table, const clause *c, int field
) noexcept:
    cdef int i
    cdef const predicate *p
    for i in range(c.leading, c.count):
        if c.steps[i].kind == REQUIRE:
            break
        if c.steps[i].kind == TEST and c.steps[i].field == field:
            p = &table.predicates[c.steps[i].predicate]
            if p.kind == IS_NAME:
                return p.names
    return NULL
