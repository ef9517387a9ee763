package sql

import "strings"

// inlineTypes names the type of each field that the parser writes without its
// type's name around it, as "type.field".
func inlineTypes() map[string]string {
	m := make(map[string]string, 160)
	for line := range strings.FieldsSeq(inlineText) {
		at, typ, _ := strings.Cut(line, "=")
		m[at] = typ
	}
	return m
}

// An object under a field that is not listed here is of an unknown kind.
const inlineText = `
AlterDatabaseSetStmt.setstmt=VariableSetStmt AlterDefaultPrivilegesStmt.action=GrantStmt
AlterFunctionStmt.func=ObjectWithArgs AlterObjectDependsStmt.extname=String
AlterObjectDependsStmt.relation=RangeVar AlterObjectSchemaStmt.relation=RangeVar
AlterOperatorStmt.opername=ObjectWithArgs AlterOwnerStmt.newowner=RoleSpec AlterOwnerStmt.relation=RangeVar
AlterPolicyStmt.table=RangeVar AlterRoleSetStmt.role=RoleSpec AlterRoleSetStmt.setstmt=VariableSetStmt
AlterRoleStmt.role=RoleSpec AlterSeqStmt.sequence=RangeVar AlterSystemStmt.setstmt=VariableSetStmt
AlterTableCmd.newowner=RoleSpec AlterTableStmt.relation=RangeVar AlterUserMappingStmt.user=RoleSpec
CallStmt.funccall=FuncCall ClusterStmt.relation=RangeVar ColumnDef.collClause=CollateClause
ColumnDef.identitySequence=RangeVar ColumnDef.typeName=TypeName CommonTableExpr.cycle_clause=CTECycleClause
CommonTableExpr.search_clause=CTESearchClause CompositeTypeStmt.typevar=RangeVar Constraint.pktable=RangeVar
CopyStmt.relation=RangeVar CreateCastStmt.func=ObjectWithArgs CreateCastStmt.sourcetype=TypeName
CreateCastStmt.targettype=TypeName CreateDomainStmt.collClause=CollateClause CreateDomainStmt.typeName=TypeName
CreateForeignTableStmt.base=CreateStmt CreateFunctionStmt.returnType=TypeName CreateOpClassItem.name=ObjectWithArgs
CreateOpClassItem.storedtype=TypeName CreateOpClassStmt.datatype=TypeName CreatePolicyStmt.table=RangeVar
CreateSchemaStmt.authrole=RoleSpec CreateSeqStmt.sequence=RangeVar CreateStmt.ofTypename=TypeName
CreateStmt.partbound=PartitionBoundSpec CreateStmt.partspec=PartitionSpec CreateStmt.relation=RangeVar
CreateTableAsStmt.into=IntoClause CreateTableSpaceStmt.owner=RoleSpec CreateTransformStmt.fromsql=ObjectWithArgs
CreateTransformStmt.tosql=ObjectWithArgs CreateTransformStmt.type_name=TypeName CreateTrigStmt.constrrel=RangeVar
CreateTrigStmt.relation=RangeVar CreateUserMappingStmt.user=RoleSpec DeleteStmt.relation=RangeVar
DeleteStmt.withClause=WithClause DropUserMappingStmt.user=RoleSpec FuncCall.over=WindowDef
FunctionParameter.argType=TypeName GrantRoleStmt.grantor=RoleSpec GrantStmt.grantor=RoleSpec
IndexStmt.relation=RangeVar InsertStmt.onConflictClause=OnConflictClause InsertStmt.relation=RangeVar
InsertStmt.withClause=WithClause IntoClause.rel=RangeVar JoinExpr.alias=Alias JoinExpr.join_using_alias=Alias
JsonAggConstructor.output=JsonOutput JsonAggConstructor.over=WindowDef JsonArgument.val=JsonValueExpr
JsonArrayAgg.arg=JsonValueExpr JsonArrayAgg.constructor=JsonAggConstructor JsonArrayConstructor.output=JsonOutput
JsonArrayQueryConstructor.format=JsonFormat JsonArrayQueryConstructor.output=JsonOutput
JsonFuncExpr.context_item=JsonValueExpr JsonFuncExpr.on_empty=JsonBehavior JsonFuncExpr.on_error=JsonBehavior
JsonFuncExpr.output=JsonOutput JsonIsPredicate.format=JsonFormat JsonKeyValue.value=JsonValueExpr
JsonObjectAgg.arg=JsonKeyValue JsonObjectAgg.constructor=JsonAggConstructor JsonObjectConstructor.output=JsonOutput
JsonOutput.returning=JsonReturning JsonOutput.typeName=TypeName JsonParseExpr.expr=JsonValueExpr
JsonParseExpr.output=JsonOutput JsonScalarExpr.output=JsonOutput JsonSerializeExpr.expr=JsonValueExpr
JsonSerializeExpr.output=JsonOutput JsonTable.alias=Alias JsonTable.context_item=JsonValueExpr
JsonTable.on_error=JsonBehavior JsonTable.pathspec=JsonTablePathSpec JsonTableColumn.format=JsonFormat
JsonTableColumn.on_empty=JsonBehavior JsonTableColumn.on_error=JsonBehavior
JsonTableColumn.pathspec=JsonTablePathSpec JsonTableColumn.typeName=TypeName JsonValueExpr.format=JsonFormat
MergeStmt.relation=RangeVar MergeStmt.withClause=WithClause OnConflictClause.infer=InferClause
PartitionCmd.bound=PartitionBoundSpec PartitionCmd.name=RangeVar PublicationObjSpec.pubtable=PublicationTable
PublicationTable.relation=RangeVar RangeFunction.alias=Alias RangeSubselect.alias=Alias RangeTableFunc.alias=Alias
RangeTableFuncCol.typeName=TypeName RangeVar.alias=Alias ReassignOwnedStmt.newrole=RoleSpec
RefreshMatViewStmt.relation=RangeVar ReindexStmt.relation=RangeVar RenameStmt.relation=RangeVar
RuleStmt.relation=RangeVar SelectStmt.intoClause=IntoClause SelectStmt.larg=SelectStmt SelectStmt.rarg=SelectStmt
SelectStmt.withClause=WithClause TableLikeClause.relation=RangeVar TypeCast.typeName=TypeName
UpdateStmt.relation=RangeVar UpdateStmt.withClause=WithClause VacuumRelation.relation=RangeVar
ViewStmt.view=RangeVar XmlSerialize.typeName=TypeName
`

// plainNodes are the kinds of nodes that mean nothing but what is in them.
const plainNodes = `
A_ArrayExpr A_Const A_Expr A_Indices A_Star AccessPriv AlterTableCmd BitString BoolExpr Boolean BooleanTest
CTECycleClause CTESearchClause CaseExpr CaseWhen CoalesceExpr CollateClause ColumnDef Constraint CreateOpClassItem
CurrentOfExpr DefElem Float FunctionParameter GroupingFunc GroupingSet IndexElem InferClause Integer
JsonAggConstructor JsonArgument JsonArrayAgg JsonArrayConstructor JsonArrayQueryConstructor JsonBehavior JsonFormat
JsonFuncExpr JsonIsPredicate JsonKeyValue JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr
JsonReturning JsonScalarExpr JsonSerializeExpr JsonTable JsonTableColumn JsonTablePathSpec JsonValueExpr List
MergeSupportFunc MergeWhenClause MinMaxExpr MultiAssignRef NamedArgExpr NullTest ObjectWithArgs OnConflictClause
ParamRef PartitionBoundSpec PartitionCmd PartitionElem PartitionRangeDatum PartitionSpec PublicationObjSpec
PublicationTable RangeTableFunc RangeTableFuncCol RangeTableSample ReplicaIdentityStmt ReturnStmt
RoleSpec RowExpr SQLValueFunction SetToDefault SinglePartitionSpec SortBy StatsElem String SubLink
TriggerTransition TypeCast TypeName VacuumRelation WindowDef XmlExpr XmlSerialize
`
