"""The screens, in the order of the menu. ``app.main`` mounts them; tests go through them one by one."""

from components.screen import Screen
from pages import (
    audit,
    dataset,
    datasets,
    home,
    imports,
    jobs,
    new_import,
    payments,
    profile,
    roles,
    row,
    staff,
    teams,
    users,
)

SCREENS: tuple[Screen, ...] = (
    home.home_screen,
    users.users_screen,
    users.user_screen,
    teams.teams_screen,
    teams.team_screen,
    payments.payments_screen,
    payments.payment_screen,
    datasets.datasets_screen,
    new_import.new_dataset_screen,
    dataset.dataset_screen,
    imports.imports_screen,
    new_import.import_into_screen,
    row.row_screen,
    imports.import_screen,
    jobs.jobs_screen,
    jobs.job_screen,
    staff.staff_screen,
    roles.roles_screen,
    staff.account_screen,
    profile.profile_screen,
    audit.audit_screen,
    audit.entry_screen,
)
