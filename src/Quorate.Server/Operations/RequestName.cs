using Quorate.Protocol;

namespace Quorate.Server.Operations;

/// <summary>How metrics call a request of the log (spec 06 §15.2).</summary>
internal static class RequestName
{
    public static string Of(InternalRaftRequest request) => request switch
    {
        { Range: not null } => "Range",
        { Put: not null } => "Put",
        { DeleteRange: not null } => "DeleteRange",
        { Txn: not null } => "Txn",
        { Compaction: not null } => "Compaction",
        { LeaseGrant: not null } => "LeaseGrant",
        { LeaseRevoke: not null } => "LeaseRevoke",
        { LeaseCheckpoint: not null } => "LeaseCheckpoint",
        { Alarm: not null } => "Alarm",
        { Authenticate: not null } => "Authenticate",
        { AuthEnable: not null } => "AuthEnable",
        { AuthDisable: not null } => "AuthDisable",
        { AuthStatus: not null } => "AuthStatus",
        { AuthUserAdd: not null } => "AuthUserAdd",
        { AuthUserDelete: not null } => "AuthUserDelete",
        { AuthUserChangePassword: not null } => "AuthUserChangePassword",
        { AuthUserGrantRole: not null } => "AuthUserGrantRole",
        { AuthUserGet: not null } => "AuthUserGet",
        { AuthUserRevokeRole: not null } => "AuthUserRevokeRole",
        { AuthRoleAdd: not null } => "AuthRoleAdd",
        { AuthRoleGrantPermission: not null } => "AuthRoleGrantPermission",
        { AuthRoleGet: not null } => "AuthRoleGet",
        { AuthRoleRevokePermission: not null } => "AuthRoleRevokePermission",
        { AuthRoleDelete: not null } => "AuthRoleDelete",
        { AuthUserList: not null } => "AuthUserList",
        { AuthRoleList: not null } => "AuthRoleList",
        { ClusterVersionSet: not null } => "ClusterVersionSet",
        { ClusterMemberAttrSet: not null } => "ClusterMemberAttrSet",
        { DowngradeInfoSet: not null } => "DowngradeInfoSet",
        _ => "unknown",
    };
}
