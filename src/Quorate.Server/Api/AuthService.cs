using Google.Protobuf;
using Grpc.Core;
using Quorate.Auth;
using Quorate.Protocol;

namespace Quorate.Server.Api;

/// <summary>Users, roles and tokens (spec 03 §6). Every call goes through the log.</summary>
internal sealed class AuthService(ServiceContext services) : Protocol.Auth.AuthBase
{
    public override Task<AuthEnableResponse> AuthEnable(AuthEnableRequest request, ServerCallContext context) =>
        ProposeAsync<AuthEnableResponse>(new InternalRaftRequest { AuthEnable = request }, context, response =>
            response.Header = services.Header());

    public override Task<AuthDisableResponse> AuthDisable(AuthDisableRequest request, ServerCallContext context) =>
        ProposeAsync<AuthDisableResponse>(new InternalRaftRequest { AuthDisable = request }, context, response =>
            response.Header = services.Header());

    public override Task<AuthStatusResponse> AuthStatus(AuthStatusRequest request, ServerCallContext context) =>
        ProposeAsync<AuthStatusResponse>(new InternalRaftRequest { AuthStatus = request }, context, response =>
            response.Header = services.Header());

    public override async Task<AuthenticateResponse> Authenticate(AuthenticateRequest request, ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
            while (true)
            {
                await services.ReadBarrierAsync(context.CancellationToken).ConfigureAwait(false);

                // Slow on purpose, so not on a thread that others wait for.
                ulong revision = await Task.Run(() => services.Member.Auth.CheckPassword(request.Name, request.Password))
                    .ConfigureAwait(false);
                var logged = new InternalAuthenticateRequest
                {
                    Name = request.Name,
                    SimpleToken = services.Member.Auth.NewTokenPrefix()
                };
                var response = (AuthenticateResponse)await services.Member
                    .ProposeAsync(new InternalRaftRequest { Authenticate = logged }, context.CancellationToken)
                        .ConfigureAwait(false);
                if (revision == services.Member.Auth.Revision)
                {
                    response.Header = services.Header();
                    return response;
                }
            }
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    public override async Task<AuthUserAddResponse> UserAdd(AuthUserAddRequest request, ServerCallContext context)
    {
        try
        {
            AuthUserAddRequest logged = request.Clone();
            if (logged.Options?.NoPassword != true)
            {
                logged.HashedPassword = await Task.Run(() => services.Member.Auth.HashPassword(request.Password))
                    .ConfigureAwait(false);
                logged.Password = "";
            }

            return await ProposeAsync<AuthUserAddResponse>(new InternalRaftRequest { AuthUserAdd = logged }, context,
                response => response.Header = services.Header()).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    public override Task<AuthUserGetResponse> UserGet(AuthUserGetRequest request, ServerCallContext context) =>
        ProposeAsync<AuthUserGetResponse>(new InternalRaftRequest { AuthUserGet = request }, context, response =>
            response.Header = services.Header());

    public override Task<AuthUserListResponse> UserList(AuthUserListRequest request, ServerCallContext context) =>
        ProposeAsync<AuthUserListResponse>(new InternalRaftRequest { AuthUserList = request }, context, response =>
            response.Header = services.Header());

    public override Task<AuthUserDeleteResponse> UserDelete(AuthUserDeleteRequest request, ServerCallContext context) =>
        ProposeAsync<AuthUserDeleteResponse>(new InternalRaftRequest { AuthUserDelete = request }, context, response =>
            response.Header = services.Header());

    public override async Task<AuthUserChangePasswordResponse> UserChangePassword(AuthUserChangePasswordRequest request,
        ServerCallContext context)
    {
        try
        {
            AuthUserChangePasswordRequest logged = request.Clone();
            if (logged.Password.Length > 0)
            {
                logged.HashedPassword = await Task.Run(() => services.Member.Auth.HashPassword(request.Password))
                    .ConfigureAwait(false);
                logged.Password = "";
            }

            return await ProposeAsync<AuthUserChangePasswordResponse>(new InternalRaftRequest { AuthUserChangePassword = logged }, context,
                response => response.Header = services.Header()).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    public override Task<AuthUserGrantRoleResponse> UserGrantRole(AuthUserGrantRoleRequest request, ServerCallContext context) =>
        ProposeAsync<AuthUserGrantRoleResponse>(new InternalRaftRequest { AuthUserGrantRole = request }, context, response =>
            response.Header = services.Header());

    public override Task<AuthUserRevokeRoleResponse> UserRevokeRole(AuthUserRevokeRoleRequest request,
        ServerCallContext context) =>
        ProposeAsync<AuthUserRevokeRoleResponse>(new InternalRaftRequest { AuthUserRevokeRole = request }, context, response =>
            response.Header = services.Header());

    public override Task<AuthRoleAddResponse> RoleAdd(AuthRoleAddRequest request, ServerCallContext context) =>
        ProposeAsync<AuthRoleAddResponse>(new InternalRaftRequest { AuthRoleAdd = request }, context, response =>
            response.Header = services.Header());

    public override Task<AuthRoleGetResponse> RoleGet(AuthRoleGetRequest request, ServerCallContext context) =>
        ProposeAsync<AuthRoleGetResponse>(new InternalRaftRequest { AuthRoleGet = request }, context, response =>
            response.Header = services.Header());

    public override Task<AuthRoleListResponse> RoleList(AuthRoleListRequest request, ServerCallContext context) =>
        ProposeAsync<AuthRoleListResponse>(new InternalRaftRequest { AuthRoleList = request }, context, response =>
            response.Header = services.Header());

    public override Task<AuthRoleDeleteResponse> RoleDelete(AuthRoleDeleteRequest request, ServerCallContext context) =>
        ProposeAsync<AuthRoleDeleteResponse>(new InternalRaftRequest { AuthRoleDelete = request }, context, response =>
            response.Header = services.Header());

    public override Task<AuthRoleGrantPermissionResponse> RoleGrantPermission(AuthRoleGrantPermissionRequest request,
        ServerCallContext context) =>
        ProposeAsync<AuthRoleGrantPermissionResponse>(new InternalRaftRequest { AuthRoleGrantPermission = request }, context,
            response => response.Header = services.Header());

    public override Task<AuthRoleRevokePermissionResponse> RoleRevokePermission(AuthRoleRevokePermissionRequest request,
        ServerCallContext context) =>
        ProposeAsync<AuthRoleRevokePermissionResponse>(new InternalRaftRequest { AuthRoleRevokePermission = request }, context,
            response => response.Header = services.Header());

    private async Task<T> ProposeAsync<T>(InternalRaftRequest request, ServerCallContext context, Action<T> fill)
        where T : class, IMessage
    {
        try
        {
            services.CheckCall(context);
            AuthInfo? caller = await services.CallerAsync(context).ConfigureAwait(false);
            T response = await services.ProposeAsync<T>(request, caller, context.CancellationToken).ConfigureAwait(false);
            fill(response);
            return response;
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }
}
