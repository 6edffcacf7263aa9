// The look of AG Grid, by our own tokens.

import * as AgGrid from "nicegui-aggrid";
import { ROW } from "grid_window";

const token = (name) => `var(--${name})`;
export const theme = AgGrid.themeQuartz.withParams({
  backgroundColor: token("surface"),
  foregroundColor: token("text"),
  headerBackgroundColor: token("sunken"),
  headerTextColor: token("muted"),
  borderColor: token("line"),
  accentColor: token("accent"),
  rowHoverColor: token("sunken"),
  selectedRowBackgroundColor: token("accent-soft"),
  oddRowBackgroundColor: token("surface"),
  browserColorScheme: "inherit",
  fontFamily: "inherit",
  fontSize: 13,
  headerFontSize: 12,
  headerFontWeight: 600,
  rowHeight: ROW,
  headerHeight: 34,
  cellHorizontalPadding: 12,
  wrapperBorder: false,
  wrapperBorderRadius: 0,
  columnBorder: false,
});
